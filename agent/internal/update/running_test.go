package update

import (
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// waitingEnv makes this program wait for the end of its input, as a program that
// runs while its file is replaced.
const waitingEnv = "KANADE_TEST_UPDATE_WAITS"

// parentEnv makes this program one that starts another, which sleeps; it notes the
// process ID of that in a file, and hangs or ends.
const parentEnv = "KANADE_TEST_UPDATE_PARENT"

func beParent(order string) {
	how, noted, _ := strings.Cut(order, " ")
	if how == "sleeps" {
		time.Sleep(time.Hour)
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), parentEnv+"=sleeps")
	if err := child.Start(); err != nil {
		panic(err)
	}
	pid := strconv.Itoa(child.Process.Pid)
	if err := errors.Join(os.WriteFile(noted+".tmp", []byte(pid), 0o600), os.Rename(noted+".tmp", noted)); err != nil {
		panic(err)
	}
	if how == "hangs" {
		_ = child.Wait()
	}
	os.Exit(0)
}

func TestMain(m *testing.M) {
	if os.Getenv(waitingEnv) != "" {
		_, _ = os.Stdout.WriteString("runs\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	if path := os.Getenv(hangsEnv); path != "" {
		hang(path)
	}
	if how := os.Getenv(parentEnv); how != "" {
		beParent(how)
	}
	atOnce()
	os.Exit(m.Run())
}

// atOnce lets more tests run than there are processors: those of the matrix wait.
func atOnce() {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		if err := parallel.Value.Set(strconv.Itoa(max(6, runtime.GOMAXPROCS(0)))); err != nil {
			panic(err)
		}
	}
}

func TestAProgramThatRunsIsReplacedAndTakenBack(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	i := onDisk(t)
	require.NoError(t, Install{FS: i.FS, Path: i.Path}.copy(self, i.Path))
	old, err := i.digest(i.Path)
	require.NoError(t, err)

	var program *exec.Cmd
	var input io.WriteCloser
	var output io.ReadCloser
	require.NoError(t, unlessBusy(func() error {
		program = exec.Command(i.Path)
		program.Env = append(os.Environ(), waitingEnv+"=1")
		var in, out error
		input, in = program.StdinPipe()
		output, out = program.StdoutPipe()
		return errors.Join(in, out, program.Start())
	}))
	said := make([]byte, 4)
	_, err = io.ReadFull(output, said)
	require.NoError(t, err)

	i.planFor(t, phaseSwap)
	require.NoError(t, i.swapIn(i.staged()))
	require.Equal(t, "new", says(t, i.Path))
	require.NoError(t, input.Close())
	require.NoError(t, program.Wait(), "it ran on undisturbed")

	r, err := i.load()
	require.NoError(t, err)
	r.Plan.Phase = phaseProbation
	if err := i.rollBack(r, "for a test", false); !errors.Is(err, ErrRestart) {
		require.NoError(t, err)
	}
	back, err := i.digest(i.Path)
	require.NoError(t, err)
	require.Equal(t, old, back)
	require.NoError(t, unlessBusy(func() error { return exec.Command(i.Path, "-test.run=^$").Run() }), "it can be started")
}

// unlessBusy starts a program whose file was just written. A process that another test
// forks at the same moment may hold that open, for as long as it takes to become a
// program.
func unlessBusy(start func() error) error {
	for {
		if err := start(); !errors.Is(err, syscall.ETXTBSY) {
			return err
		}
		runtime.Gosched()
	}
}
