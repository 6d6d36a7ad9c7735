// Package exec runs scripts: with a deadline, with bounded output, and with an end for the whole process tree.
//
// # What it guarantees
//
//   - Run returns after the shell has ended and was waited for. No goroutine, file descriptor, zombie or staged file
//     stays behind, on any path.
//   - When the deadline passes or the context ends, the whole tree ends. On Unix the shell leads a session and a process
//     group of its own; the group gets SIGTERM, then, after a grace, SIGKILL. The group ID cannot be reused meanwhile,
//     because the shell is waited for last. On Windows the shell is put into a job object before its first instruction,
//     and the job is terminated.
//   - When the shell ends by itself, background processes that it started are left alone. One that holds stdout or stderr
//     delays the result by no more than the drain grace; [Outcome.Incomplete] then says so, and later writes of that
//     process fail (SIGPIPE on Unix).
//   - Output is read to its end whatever its size, and no more than a limit is kept: the first two thirds and the last
//     third, with a line between them that says how many bytes were written and how many are left out. Memory grows with
//     what is kept, not with the limit.
//   - Stdin is the null device. Concurrent runs share no lock of this package.
//
// # How each shell is started
//
// The interpreter is looked up on the PATH of this process, not on that of [Spec.Env].
//
//   - sh: "sh -c", or a staged file for a text above 64 KiB (8 KiB on Windows): Linux takes 128 KiB for one argument,
//     Windows 32,767 characters for all of them.
//   - pwsh, powershell: a staged file with the script as it is, behind a UTF-8 byte order mark, and a staged launcher that
//     switches the output to UTF-8, calls that file with the arguments, and passes its "exit N" on. A failing native
//     command alone does not change the exit code.
//   - cmd: "cmd /C". On Windows the text goes into the command line as it is, without any escaping ("/S /C"); a text of
//     several lines, above 8,000 characters or with arguments becomes a staged batch file with echo off, so that there a
//     loop variable is written %%i. Text beyond ASCII switches that batch file to code page 65001.
//
// Staged files are created exclusively, mode 0600, in a 0700 folder with a random name that belongs to one run and is
// removed after it. On Windows the folder's access list names the system, administrators and the owner only.
//
// # What it does not do
//
//   - A Unix process that moves to a session of its own (setsid, a daemon) leaves the group and is not killed.
//   - A shell that cannot be killed (uninterruptible sleep, another user's process) is waited for: Run then returns late.
//   - A small sh or cmd text is an argument, so other users of the host can see it while it runs. Use [Spec.File] for
//     a script that holds a secret.
//   - Output is not decoded: the bytes are those the script wrote.
//   - Linux, macOS, the BSDs and Windows are supported.
//
// # Usage
//
//	local := exec.NewLocal()
//	out, err := local.Run(ctx, exec.Spec{Shell: exec.Sh, Script: "df -h", Timeout: time.Minute})
//	if err != nil {
//		return err // not started: no such shell, no such folder, ...
//	}
//	fmt.Println(out.End, out.Code, string(out.Stdout))
package exec
