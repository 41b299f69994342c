// Loaded with --import into a job: when the process that started it is gone, however it went, the job is
// told to end as by Ctrl-C.
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
process.channel?.unref();
