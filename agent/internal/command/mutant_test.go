package command

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// excuse is why mutants keep every promise. A mutant that no scenario notices
// and that has no excuse fails the test; so does an excused one that a scenario
// notices, or that no longer exists.
type excuse struct {
	why     string
	mutants map[faultfs.Model][]string
}

func both(mutants ...string) map[faultfs.Model][]string {
	return map[faultfs.Model][]string{faultfs.POSIX: mutants, faultfs.NTFS: mutants}
}

func excused(all []excuse, model faultfs.Model) map[string]string {
	why := map[string]string{}
	for _, e := range all {
		for _, mutant := range e.mutants[model] {
			why[mutant] = e.why
		}
	}
	return why
}

var equivalentInLedger = []excuse{
	{"the write has failed and nothing in the old file is trusted any more", both("swapped: write journal | create new journal")},
	{"nobody reads the new file before its rename, and a rewrite empties what it finds", map[faultfs.Model][]string{
		faultfs.POSIX: {"swapped: write new journal | remove new journal"},
		faultfs.NTFS:  {"swapped: write new journal | remove new journal", "swapped: remove new journal | create new journal"},
	}},
	{"the start of an empty file syncs that folder again", map[faultfs.Model][]string{
		faultfs.POSIX: {
			"without: sync folder state by OpenLedger", "swapped: make folder ledger | sync folder state by OpenLedger",
			"swapped: sync folder state by OpenLedger | create journal",
		},
	}},
	{"nothing is promised before both folders, and what is written then, are synced", map[faultfs.Model][]string{
		faultfs.POSIX: {
			"swapped: sync folder ledger by syncNames | sync folder state by syncNames",
			"swapped: sync folder state by syncNames | write journal",
		},
	}},
	{lastWord, both("swapped: write journal | write journal")},
}

const lastWord = "that all of the file is durable matters where it is its last line, to a process and not after a power cut"

// TestLedgerScenariosNoticeMutants: with any one sync left out, or any two steps
// swapped, the scenarios must fail, or they would prove nothing. With -short, and
// under the race detector, only syncs are left out.
func TestLedgerScenariosNoticeMutants(t *testing.T) {
	t.Parallel()
	noticeMutants(t, ledgerSuites, equivalentInLedger)
}

func noticeMutants(t *testing.T, suitesOf func(faultfs.Model) map[string]*faultfs.Suite, excuses []excuse) {
	t.Helper()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		t.Run(model.String(), func(t *testing.T) {
			t.Parallel()
			noticed := map[string]error{}
			suites := suitesOf(model)
			for _, name := range slices.Sorted(maps.Keys(suites)) {
				synctest.Test(t, func(t *testing.T) { runMutants(t, suites[name], noticed, name != togetherScenario) })
			}
			judge(t, noticed, excused(excuses, model))
		})
	}
}

func fewMutants() bool { return testing.Short() || raceDetector }

// runMutants runs those that no suite has noticed before.
func runMutants(t *testing.T, suite *faultfs.Suite, noticed map[string]error, swap bool) {
	t.Helper()
	all, err := suite.Mutations()
	require.NoError(t, err)
	for _, m := range all {
		if noticed[m.String()] == nil && (m.Drop != "" || swap && !fewMutants()) {
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

var equivalentOnThePath = []excuse{
	{"an acknowledgement that comes late, or never, is another delivery of what is known", both(
		"swapped: ack | create record temp", "swapped: ack | write journal",
	)},
	{"the record goes when it is published and the command is finished, whichever comes first", both("swapped: publish | write journal")},
	{"a record that is removed late is published again with the same ID and the same bytes", both(
		"swapped: remove record | ack", "swapped: remove record | create new journal",
		"swapped: remove record | write journal",
	)},
	{"the start is on disk before both, so that there is one run at the most, and its result or that it was interrupted", both(
		"swapped: run | create record temp",
	)},
	{"after a compaction the old file says the same; and while it is open again, Windows does not replace it", map[faultfs.Model][]string{
		faultfs.POSIX: {"swapped: sync folder ledger by install | write journal"},
		faultfs.NTFS:  {"swapped: rename new journal to journal | write journal"},
	}},
	{"the sync has failed and nothing in the old file is trusted any more", both("swapped: sync journal by writePending | create new journal")},
	{"nothing is acknowledged before the start is through", map[faultfs.Model][]string{
		faultfs.POSIX: {
			"swapped: sync folder ledger by syncNames | sync folder state by syncNames",
			"swapped: sync folder state by syncNames | make folder results", "swapped: sync folder state by open | create .lock",
			"swapped: make folder results | sync folder state by open", "swapped: sync folder state by open | sync folder state by open",
		},
	}},
	{lastWord, both("swapped: write journal | ack")},
	{"the first outbox syncs the same folder before anything is acknowledged; TestTheLedgersFolderSurvives does without one", map[faultfs.Model][]string{
		faultfs.POSIX: {
			"without: sync folder state by OpenLedger", "swapped: make folder ledger | sync folder state by OpenLedger",
			"swapped: sync folder state by OpenLedger | create journal", "without: sync folder state by syncNames",
		},
	}},
}

// The same for the whole way of a command: that it is acknowledged after its
// line is on disk, runs after its mark, and goes after it is finished.
func TestPathScenariosNoticeMutants(t *testing.T) {
	t.Parallel()
	noticeMutants(t, pathSuites, equivalentOnThePath)
}
