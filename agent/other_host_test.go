package agent_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// A cloned disk or a renamed host: what the other one has accepted is neither
// run nor reported, and does not make a command of this one a duplicate. A
// result that the other one has left goes out as it is.
func TestAStateFolderOfAnotherHost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Concurrency, s.cfg.Grace = 1, 0
	first, stop := s.start()
	s.send(s.counting("done", ""))
	s.settled(first, "done")
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamResults))
	s.send(s.counting("left", ""))
	s.pending(first, 1)
	s.send(s.gated("started"))
	s.running(first, 1)
	s.send(s.counting("accepted", ""))
	s.eventually(func() bool { return first.Status().Commands.Waiting == 1 }, "not accepted")
	stop() // "started" is ended and has its result

	theirs := []string{"left", "started"}
	s.cfg.ID = "PC-2"
	second, _ := s.start()
	createStreams(t, s.nc)
	s.pending(second, 0)
	for _, id := range theirs {
		require.Len(t, s.results(id), 1)
		require.Equal(t, pcID, s.results(id)[0].PCID)
	}
	require.Empty(t, s.results("accepted"))
	require.Zero(t, s.runs("accepted"))

	for _, id := range []string{"done", "accepted"} { // the same IDs, as in a command to all hosts
		data, err := s.counting(id, "").Encode()
		require.NoError(t, err)
		require.NoError(t, s.nc.Publish(wire.CommandsAll(), data))
		require.Equal(t, "PC-2", s.result(id).PCID)
	}
	require.Equal(t, 2, s.runs("done"), "once on each host")
	require.Equal(t, 1, s.runs("accepted"))
}

// Two hosts answer one command to all; the result of the first one is still in
// the folder when the second one has its own.
func TestAResultOfAnotherHostDoesNotHideTheOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamResults))
	command, err := s.counting("r", "").Encode()
	require.NoError(t, err)
	for _, id := range []string{pcID, "PC-2"} {
		s.cfg.ID = id
		a, stop := s.start()
		s.eventually(func() bool { // repeated, should it come twice: the replay brings it too
			require.NoError(t, s.nc.Publish(wire.CommandsAll(), command))
			return a.Status().Results.Put+a.Status().Results.Kept == 1
		}, "no result stored")
		stop()
	}
	createStreams(t, s.nc)
	a, _ := s.start()
	s.pending(a, 0)
	require.Equal(t, 2, s.runs("r"))
	var hosts []string
	for _, r := range s.results("r") {
		hosts = append(hosts, r.PCID)
	}
	require.ElementsMatch(t, []string{pcID, "PC-2"}, hosts)
}
