// Runs Swift's tasks on threads of one's own, by the hook that its runtime has for that.
// Source: swift/stdlib/public/Concurrency, GlobalExecutor.cpp and Task.h.
#ifndef FANFARE_EXECUTOR_H
#define FANFARE_EXECUTOR_H

// From now on `take` gets every job that would go to the default executor. It may be called on any
// thread, and must have the job run once.
void fanfare_take_jobs(void (*take)(void *job));

// Runs a job on the calling thread.
void fanfare_run_job(void *job);
#endif
