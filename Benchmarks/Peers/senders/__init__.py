"""The peers, one file a kind."""

from .ceiling import H2load, Wrk
from .fanfare import Fanfare, FanfareHeldBack
from .programs import AsyncHTTPClient, Go
from .python_redis import PythonRedis
from .syslog_ng import SyslogNG, SyslogNGReliable

# In the order of the table.
EVERYONE = [Wrk, H2load, Fanfare, FanfareHeldBack, SyslogNG, SyslogNGReliable, Go, AsyncHTTPClient,
            PythonRedis]
