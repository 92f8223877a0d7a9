#include "executor.h"
#include <stddef.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))

// `SerialExecutorRef`; all zero is the generic one.
typedef struct {
  void *identity;
  uintptr_t implementation;
} executor_ref;

typedef SWIFT void (*enqueue_original)(void *job);
extern SWIFT void (*swift_task_enqueueGlobal_hook)(void *job, enqueue_original original);
extern SWIFT void swift_job_run(void *job, executor_ref executor);

static void (*taker)(void *job);

static SWIFT void on_enqueue(void *job, enqueue_original original) {
  (void)original;
  taker(job);
}

void fanfare_take_jobs(void (*take)(void *job)) {
  taker = take;
  swift_task_enqueueGlobal_hook = on_enqueue;
}

void fanfare_run_job(void *job) {
  executor_ref generic = {NULL, 0};
  swift_job_run(job, generic);
}
