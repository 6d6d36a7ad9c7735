package command

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLedgerSaysThatItCannotBeWritten(t *testing.T) {
	d, disk := onABrokenDisk(t)
	l := d.open()
	require.NoError(t, l.Failure().Err)
	disk.fill()
	require.Error(t, l.Record([]Admission{admission(l, "a", "body")}))
	first := l.Failure()
	require.ErrorIs(t, first.Err, errDisk)
	require.False(t, first.Since.IsZero())
	require.Error(t, l.Record([]Admission{admission(l, "b", "body")}))
	require.Equal(t, first.Since, l.Failure().Since, "since the first failure of the row")

	disk.mend()
	require.NoError(t, l.Record([]Admission{admission(l, "c", "body")}))
	require.Equal(t, Failure{}, l.Failure())
	require.NoError(t, l.Close())
}
