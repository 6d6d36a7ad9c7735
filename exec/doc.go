// Package exec runs scripts: with a deadline, with bounded output, and with an end for the whole process tree.
//
// # What it guarantees
//
//   - Run returns after the shell has ended and was waited for. No goroutine, file descriptor, zombie or staged file
//     stays behind, on any path.
//   - When the deadline passes or the context ends, the whole tree ends. On Unix the shell leads a session and a process
//     group of its own; the group, and on Linux every other group of the session, gets SIGTERM, then, after a grace,
//     SIGKILL. The IDs cannot be reused meanwhile, because the shell is waited for last. With [WithCgroup] a cgroup is
//     killed then, which nobody leaves. On Windows the shell is put into a job object before its first instruction, and the
//     job is terminated.
//   - When the shell ends by itself, background processes that it started are left alone. One that holds stdout or stderr
//     delays the result by no more than the drain grace; [Outcome.Incomplete] then says so, and later writes of that
//     process fail (SIGPIPE on Unix).
//   - Output is read to its end whatever its size, and no more than a limit is kept: the first two thirds and the last
//     third, cut between characters, with a line between them that says how many bytes were written and how many are left
//     out. Memory grows with what is kept, by 8 and more, to the limit itself from 256 KiB of it on (from 32 KiB while more
//     than 16 outputs are that long). A [Tail] shows the end of the output while the run goes on.
//   - Output is valid UTF-8, unless [WithRawOutput] asks for the bytes. On Windows a line that is not UTF-8 is decoded
//     from the code page of the console, which is what cmd, many programs, and PowerShell in a constrained language write.
//   - A staged script is read back and compared right before the start, so that what security software has taken away or
//     changed is [ErrScriptRemoved] and not a riddle. What it, or a policy, does later is in [Outcome.Blocked].
//   - Stdin is the null device. Concurrent runs wait for none of each other's work.
//   - [Limits] are off by default. With them, a run that goes beyond one is killed whole, and the Outcome names the limit.
//
// # How each shell is started
//
// The interpreter is looked up on the PATH of this process, not on that of [Spec.Env], so a site may bring its own.
//
//   - sh: "sh -c", or a staged file for a text above 64 KiB (8 KiB on Windows): Linux takes 128 KiB for one argument,
//     Windows 32,767 characters for all of them.
//   - pwsh, powershell: a staged file with the script as it is, behind a UTF-8 byte order mark, and a staged launcher that
//     switches the output to UTF-8 where the language mode lets it, calls that file with the arguments, and passes its
//     "exit N" on. A failing native command alone does not change the exit code; a script that PowerShell refuses to run is
//     exit code 1. The first launcher for each program also tells the language mode: [Outcome.Language],
//     [Local.LanguageMode].
//   - cmd: "cmd /C". On Windows the text goes into the command line as it is, without any escaping ("/S /C"); a text of
//     several lines, above 8,000 characters or with arguments becomes a staged batch file with echo off, so that there a
//     loop variable is written %%i. Text beyond ASCII switches that batch file to code page 65001.
//
// # Where scripts are staged
//
// Staged files are created exclusively, mode 0600, in a 0700 folder with a random name that belongs to one run and is
// removed after it. On Windows the access list of that folder, and of the one it lies in, names the system, administrators
// and the owner only; a run for a user ([AsUser]) lets that user read. The default there is
// %ProgramData%\Kanade\agent-scripts: one place that the exclusions of a security product and the path rules of AppLocker
// and App Control can name, and that no ordinary account can write to. App Control asks for the latter; AppLocker's default
// rules let administrators and the system run scripts anywhere. Choose a folder below %ProgramFiles% where rules trust
// nothing else. A staging folder that belongs to an ordinary account, or that is a link, is refused. What a killed program
// leaves behind goes with [Local.CleanStaging].
//
// # What it does not do
//
//   - A Unix process that moves to a session of its own (setsid, a daemon) is not killed and not measured without a cgroup;
//     outside Linux that also holds for one that moves to another process group, and on Linux for one that does so in a new
//     process time and again, faster than the processes can be listed.
//   - A process that Windows starts for a script by other means than as its child (a scheduled task, a service, WMI) is in no
//     job of the script's.
//   - A shell that cannot be killed (uninterruptible sleep, another user's process) is waited for: Run then returns late.
//   - A small sh or cmd text is an argument, so other users of the host can see it while it runs. Use [Spec.File] for
//     a script that holds a secret.
//   - Limits are measured four times a second, so a run can exceed one for a moment; only a job object or the controllers of
//     a cgroup are walls. Without either, CPU time of a process whose parent did not wait for it is lost.
//   - A line that is UTF-8 by chance is taken for UTF-8.
//   - Linux, macOS, the BSDs and Windows are supported; measured limits on Linux and Windows.
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
