package outbox

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// equivalent lists the mutants that keep every promise, by the reason why they
// do. A mutant that no scenario notices and that is not here fails the test; so
// does one here that a scenario notices, or that no longer exists.
var equivalent = []struct {
	why     string
	mutants map[faultfs.Model][]string
}{
	{"a file that is removed late is delivered again, which at-least-once allows; its own hook has agreed before, and what follows is of another record", map[faultfs.Model][]string{
		faultfs.POSIX: {
			"remove record | create reason temp", "remove record | create record temp", "remove record | hook", "remove record | publish",
			"remove record | sync folder box by load", "remove record | sync folder quarantine by load",
		},
		faultfs.NTFS: {
			"remove record | create reason temp", "remove record | create record temp", "remove record | hook", "remove record | publish",
			"remove record | sync stuck record by syncFile",
		},
	}},
	{"the reason of a delivered record tells nothing any more", both(
		"remove stuck record | remove reason", "remove reason | create record temp",
	)},
	{"nobody reads a temporary file, and what follows is of another file", map[faultfs.Model][]string{
		faultfs.POSIX: {"remove record temp | sync folder box by load"},
		faultfs.NTFS:  {"remove record temp | sync record by syncFile"},
	}},
	{"two publishes are of two records, whose order is not promised to outlive a power cut", both("publish | publish")},
	{"the file that is synced was there before the publish and is another's, or was synced when it was put", both("publish | sync record by syncFile")},
	{"two writers: what follows is of the other's file, and both wait for the sync of the folder that comes after both", map[faultfs.Model][]string{
		faultfs.POSIX: {
			"rename record temp to record | create record temp", "rename record temp to record | sync record temp by commit",
			"write record temp | create record temp", "write record temp | sync folder box by commit",
		},
		faultfs.NTFS: {"rename record temp to record | sync record temp by commit", "write record temp | create record temp"},
	}},
	{"folders need their names when the first Put ends, not before", map[faultfs.Model][]string{
		faultfs.POSIX: {
			"sync folder above the box by open | create lock", "sync folder above the box by open | make folder box",
			"sync folder box by moveAside | create reason temp",
		},
		faultfs.NTFS: {"make folder above the box | make folder box"}, // the second makes the first
	}},
	{"what the start found is safe before it is promised or published, and quarantine before the box, whichever sync of the start comes first", map[faultfs.Model][]string{
		faultfs.POSIX: {
			"sync folder box by load | sync record by syncFile",
			"sync folder quarantine by load | create record temp", "sync folder quarantine by load | sync stuck record by syncFile",
		},
	}},
	{"the record is in quarantine, for which the sync of the box proves nothing: that of quarantine came before", map[faultfs.Model][]string{
		faultfs.POSIX: {"sync folder box by syncFile | create reason temp", "sync folder box by syncFile | sync record by syncFile"},
	}},
	{"content and name are both safe when the Put ends", map[faultfs.Model][]string{
		faultfs.POSIX: {"sync stuck record by syncFile | sync folder quarantine by syncFile"},
	}},
	{"whoever makes the folder syncs its name at once; the sync of open is for one who was killed in between", map[faultfs.Model][]string{
		faultfs.POSIX: {"make folder box | sync folder above the box by open", "sync folder above the box by open | sync folder above the box by open"},
	}},
	{"the content of this record was synced by the Put that wrote it", map[faultfs.Model][]string{
		faultfs.NTFS: {
			"sync stuck record by syncFile | create reason temp", "sync stuck record by syncFile | publish",
			"sync stuck record by syncFile | sync record by syncFile",
		},
	}},
	{"a move that is undone leaves the record where it was, and its arrival is safe before the next sync of the box", map[faultfs.Model][]string{
		faultfs.POSIX: {"sync folder quarantine by moveDurably | publish"},
		faultfs.NTFS:  {"rename record to stuck record | publish"},
	}},
	{"the record is in quarantine with an older reason, and the new one only counts another attempt", map[faultfs.Model][]string{
		faultfs.POSIX: {"sync folder quarantine by writeReason | create reason temp", "sync folder quarantine by writeReason | publish"},
		faultfs.NTFS:  {"rename reason temp to reason | create reason temp", "rename reason temp to reason | publish"},
	}},
}

func both(mutants ...string) map[faultfs.Model][]string {
	return map[faultfs.Model][]string{faultfs.POSIX: mutants, faultfs.NTFS: mutants}
}

func excuses(model faultfs.Model) map[string]string {
	all := map[string]string{}
	for _, e := range equivalent {
		for _, mutant := range e.mutants[model] {
			all["swapped: "+mutant] = e.why
		}
	}
	return all
}

// TestLostPowerNoticesMutants: with any one sync left out, or any two steps
// swapped, the suite must fail, or it would prove nothing. With -short, and
// under the race detector, only syncs are left out.
func TestLostPowerNoticesMutants(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		t.Run(model.String(), func(t *testing.T) {
			t.Parallel()
			noticed := map[string]error{}
			suites := crashSuites(model)
			for _, name := range slices.Sorted(maps.Keys(suites)) {
				synctest.Test(t, func(t *testing.T) { runMutants(t, suites[name], noticed) })
			}
			judge(t, noticed, excuses(model))
		})
	}
}

func fewMutants() bool { return testing.Short() || raceDetector }

// runMutants runs those that no suite has noticed before.
func runMutants(t *testing.T, suite *faultfs.Suite, noticed map[string]error) {
	t.Helper()
	all, err := suite.Mutations()
	require.NoError(t, err)
	for _, m := range all {
		if noticed[m.String()] == nil && (m.Drop != "" || !fewMutants()) {
			noticed[m.String()] = suite.Run(m)
		}
	}
}

func judge(t *testing.T, noticed map[string]error, excused map[string]string) {
	t.Helper()
	for _, mutant := range slices.Sorted(maps.Keys(noticed)) {
		err, why := noticed[mutant], excused[mutant]
		t.Logf("%s\n\t%v", mutant, err)
		switch {
		case err == nil && why == "":
			t.Errorf("nobody notices the mutant %q", mutant)
		case err != nil && why != "":
			t.Errorf("%q is noticed, although %s: %v", mutant, why, err)
		}
	}
	for mutant := range excused {
		if _, ok := noticed[mutant]; !ok && !fewMutants() {
			t.Errorf("there is no mutant %q any more", mutant)
		}
	}
	t.Logf("%d mutants, %d of them equivalent", len(noticed), len(excused))
}
