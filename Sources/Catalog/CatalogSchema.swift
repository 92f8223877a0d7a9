internal import GRDB

/// The tables, one migration a released change; a released migration is never edited.
///
/// Numbers name applications and endpoints in the log, so they come from `counter` and are never
/// reused; ids and uids name them in the API.
enum CatalogSchema {
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(sql: first)
    }
    migrator.registerMigration("dead letters out of the list") { database in
      try database.execute(sql: deadLettersOutOfTheList)
    }
    migrator.registerMigration("dead letters by bytes") { database in
      try database.execute(sql: deadLettersByBytes)
    }
    migrator.registerMigration("event types, tokens that end") { database in
      try database.execute(sql: eventTypesAndTokensThatEnd)
    }
    migrator.registerMigration("expunged events") { database in
      try database.execute(sql: expungedEvents)
    }
    return migrator
  }

  /// Events whose content was deleted while the log has them still, by their place and id.
  private static let expungedEvents = """
    CREATE TABLE expunged_event (
      position INTEGER PRIMARY KEY, event_id TEXT NOT NULL, expunged_at INTEGER NOT NULL
    ) STRICT;
    """

  /// `expires_at` in Unix milliseconds; without one a token is good until it is removed.
  private static let eventTypesAndTokensThatEnd = """
    CREATE TABLE event_type (
      name TEXT PRIMARY KEY, description TEXT NOT NULL, archived INTEGER NOT NULL,
      deprecated INTEGER NOT NULL, schemas TEXT, group_name TEXT, feature_flags TEXT NOT NULL,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE token ADD COLUMN expires_at INTEGER;
    """

  /// What the letter's event holds in the log before packing. `gone` is from here on the time, Unix
  /// milliseconds, when the letter was sent again, or 1.
  private static let deadLettersByBytes = """
    ALTER TABLE dead_letter ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX dead_letter_position ON dead_letter (position, gone, bytes);
    CREATE INDEX dead_letter_listed ON dead_letter (number) WHERE gone = 0;
    """

  /// A letter that was sent again or purged stays as a row without being listed: a recovery may
  /// read from the log once more that the delivery died.
  private static let deadLettersOutOfTheList = """
    ALTER TABLE dead_letter ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
    """

  private static let first = """
    CREATE TABLE meta (
      name TEXT PRIMARY KEY, value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE counter (
      name TEXT PRIMARY KEY, value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE application (
      number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uid TEXT UNIQUE, name TEXT NOT NULL,
      metadata TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX application_name ON application (name);

    CREATE TABLE endpoint (
      number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uid TEXT, url TEXT NOT NULL,
      description TEXT NOT NULL, types TEXT NOT NULL, channels TEXT NOT NULL,
      sources TEXT NOT NULL, disabled INTEGER NOT NULL, disabled_reason TEXT,
      paused INTEGER NOT NULL, format TEXT NOT NULL, signing TEXT NOT NULL, retry TEXT NOT NULL,
      timeout_ms INTEGER NOT NULL, rate TEXT, max_in_flight INTEGER NOT NULL,
      ordered INTEGER NOT NULL, ca TEXT, max_age_s INTEGER NOT NULL, metadata TEXT NOT NULL,
      sealed BLOB NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE endpoint_application (
      application INTEGER NOT NULL REFERENCES application (number) ON DELETE CASCADE,
      endpoint INTEGER NOT NULL REFERENCES endpoint (number) ON DELETE CASCADE,
      endpoint_id TEXT NOT NULL, uid TEXT,
      PRIMARY KEY (application, endpoint_id), UNIQUE (application, uid)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX endpoint_application_endpoint ON endpoint_application (endpoint);

    CREATE TABLE token (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL UNIQUE, scopes TEXT NOT NULL,
      application INTEGER REFERENCES application (number) ON DELETE CASCADE,
      created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE dead_letter (
      number INTEGER PRIMARY KEY AUTOINCREMENT, endpoint INTEGER NOT NULL,
      position INTEGER NOT NULL, event_id TEXT NOT NULL, type TEXT NOT NULL,
      attempts INTEGER NOT NULL, status INTEGER NOT NULL, failure TEXT NOT NULL,
      expired INTEGER NOT NULL, died_at INTEGER NOT NULL,
      UNIQUE (endpoint, position)
    ) STRICT;
    CREATE INDEX dead_letter_endpoint ON dead_letter (endpoint, number);
    CREATE INDEX dead_letter_died_at ON dead_letter (died_at);
    """
}
