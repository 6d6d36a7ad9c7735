package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// again makes a value of one payload by chance, and returns it with what is read of
// what is written of it.
type again func(c *chance) (made, read any, written []byte, err error)

func againOf[T interface{ Encode() []byte }](decode func([]byte) (T, error), mend ...func(*T)) again {
	return func(c *chance) (any, any, []byte, error) {
		v := made(c, mend)
		written := v.Encode()
		read, err := decode(written)
		return v, read, written, err
	}
}

func againOrNot[T interface{ Encode() ([]byte, error) }](decode func([]byte) (T, error), mend ...func(*T)) again {
	return func(c *chance) (any, any, []byte, error) {
		v := made(c, mend)
		written, err := v.Encode()
		if err != nil {
			return v, nil, nil, err
		}
		read, err := decode(written)
		return v, read, written, err
	}
}

func againInside[T interface{ Encode() []byte }](decode func(json.RawMessage) (T, error), mend ...func(*T)) again {
	return againOf(func(data []byte) (T, error) { return decode(data) }, mend...)
}

func made[T any](c *chance, mend []func(*T)) (v T) {
	c.fill(reflect.ValueOf(&v).Elem())
	for _, f := range mend {
		f(&v)
	}
	return v
}

// manyTimes has every decoder but DecodeKLPMessage and DecodeJobTail, which keep parts of
// what they are given as they are.
var manyTimes = map[string]again{
	"DecodeCommand": againOrNot(DecodeCommand, func(v *Command) {
		v.RequestID, v.ExecID = "r", "e"
		v.Staleness = plainStaleness(v.Staleness)
	}),
	"DecodeResult":       againOf(DecodeResult),
	"DecodeEventStarted": againOf(DecodeEventStarted),
	"DecodeObsEvent": againOrNot(DecodeObsEvent, func(v *ObsEvent) {
		v.PCID, v.Payload = "PC-1", json.RawMessage(`{"a":[1,-2.5,1e-7,"x",null]}`)
	}),
	"DecodeHeartbeat": againOf(DecodeHeartbeat, func(v *Heartbeat) {
		if len(v.QuarantinedVersions) == 0 {
			v.QuarantinedVersions = nil
		}
	}),
	"DecodeHostPerf":    againOf(DecodeHostPerf),
	"DecodeProcessPerf": againOf(DecodeProcessPerf, func(v *ProcessPerf) { v.Processes = notNil(v.Processes) }),
	"DecodeLogsRequest": againOf(DecodeLogsRequest),
	"DecodeAgentGroups": againOf(DecodeAgentGroups, func(v *AgentGroups) { v.Groups = []string{"a", "b", "ä"} }), // sorted, each once
	"DecodeConfigScope": againOf(DecodeConfigScope, func(v *ConfigScope) {
		if v.MaxLocalConcurrent != nil {
			*v.MaxLocalConcurrent = max(1, *v.MaxLocalConcurrent)
		}
	}),
	"DecodeManifest": againOf(DecodeManifest, func(v *Manifest) {
		v.Staleness = plainStaleness(v.Staleness)
		if v.Inventory != nil {
			v.Inventory.Display = notNil(v.Inventory.Display)
			for i := range v.Inventory.Explode {
				e := &v.Inventory.Explode[i]
				e.PrimaryKey, e.Columns = notNil(e.PrimaryKey), notNil(e.Columns)
			}
		}
	}),
	"DecodeSchedule": againOf(DecodeSchedule, func(v *Schedule) {
		v.Target.Groups, v.Target.PCIDs = notNil(v.Target.Groups), notNil(v.Target.PCIDs)
		if v.Rollout != nil {
			v.Rollout.Waves = notNil(v.Rollout.Waves)
		}
	}),
	"DecodeHwInventory": againOf(DecodeHwInventory, func(v *HwInventory) { v.Disks = notNil(v.Disks) }),
	"DecodeInventorySection": againOf(DecodeInventorySection, func(v *InventorySection) {
		if v.Data = []byte(`{"a":[1,2]}`); v.Parts > 1 {
			v.Data = []byte(`half of {"`)
		}
	}),
	"DecodeJobTailRequest": againOf(DecodeJobTailRequest),
	"DecodeKLPHandshake": againInside(DecodeKLPHandshake, func(v *KLPHandshake) {
		v.Protocol = append(v.Protocol, 1)
		if len(v.Features) == 0 {
			v.Features = nil
		}
	}),
	"DecodeKLPWelcome":  againInside(DecodeKLPWelcome, func(v *KLPWelcome) { v.Features = notNil(v.Features) }),
	"DecodeKLPPong":     againInside(DecodeKLPPong),
	"DecodeKLPVersions": againInside(DecodeKLPVersions),
	"DecodeKLPLogTail":  againInside(DecodeKLPLogTail),
	"DecodeKLPLogLines": againInside(DecodeKLPLogLines, func(v *KLPLogLines) { v.Lines = notNil(v.Lines) }),
	"DecodeKLPState":    againInside(DecodeKLPState, func(v *KLPState) { v.Checks = notNil(v.Checks) }),
	"DecodeKLPStateChanged": againInside(DecodeKLPStateChanged, func(v *KLPStateChanged) {
		v.Snapshot.Checks = notNil(v.Snapshot.Checks)
	}),
	"DecodeKLPSubscription": againInside(DecodeKLPSubscription),
}

func notNil[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

func plainStaleness(s Staleness) Staleness {
	if s.Mode != StalenessStrict {
		s.MaxCacheAge = ""
	}
	return s
}

// Whatever is written is read as what it was, it is one line of JSON in the form of §0
// of the wire contract, and it is the same JSON to others.
func TestContractWhatIsWrittenIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, decoder := range decodersOfThePackage(t) {
		if decoder == "DecodeKLPMessage" || decoder == "DecodeJobTail" {
			continue // see TestGoldenKLP, TestJobTailGolden
		}
		makeOne, known := manyTimes[decoder]
		require.True(t, known, "%s is not written many times", decoder)
		t.Run(decoder, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			c := &chance{rand.New(rand.NewPCG(seed, 0))}
			for range 50 {
				want, got, written, err := makeOne(c)
				require.NoError(t, err, "seed %d: %s", seed, written)
				require.Equal(t, want, got, "seed %d: %s", seed, written)
				require.True(t, json.Valid(written), "seed %d: %s", seed, written)
				require.NotContains(t, string(written), "\n")
				require.NotContains(t, string(written), `\u003c`, "no HTML escapes")
				var others any
				require.NoError(t, json.Unmarshal(written, &others))
			}
		})
	}
}

// chance fills values with what is likely to go wrong.
type chance struct{ *rand.Rand }

func (c *chance) of(all ...any) any { return all[c.IntN(len(all))] }

func (c *chance) text() string {
	return c.of("", "x", "a.b", "größe 東京 😀", "\u2028<&>\"\\/", "\r\n\t\b\f\x00\x1f\x7f", "{\"a\":1}", "null", strings.Repeat("ü\n", 700),
		fmt.Sprint(c.Uint64()), "\ufffd", "\ufeff").(string)
}

// timeOf is never the zero time, which is none.
func (c *chance) timeOf() time.Time {
	ns := c.of(0, 1, 500_000_000, 123_456_000, 999_999_999).(int)
	return c.of(time.Date(1970, 1, 1, 0, 0, 0, ns, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, ns, time.UTC),
		time.Date(0, 1, 1, 0, 0, 0, ns, time.UTC), time.Date(2024, 2, 29, 23, 59, 59, ns, time.UTC)).(time.Time)
}

// enums are how many values each has.
var enums = map[reflect.Type]int{
	reflect.TypeFor[RunAs]():          len(runAsNames),
	reflect.TypeFor[StalenessMode]():  len(stalenessNames),
	reflect.TypeFor[EmitType]():       len(emitNames),
	reflect.TypeFor[ScheduleMode]():   len(scheduleModeNames),
	reflect.TypeFor[RunsOn]():         len(runsOnNames),
	reflect.TypeFor[KLPCheckStatus](): len(klpCheckStatusNames),
}

func (c *chance) fill(v reflect.Value) { c.deep(v, 0) }

func (c *chance) deep(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(c.text())
	case reflect.Bool:
		v.SetBool(c.IntN(2) == 0)
	case reflect.Float64:
		v.SetFloat(c.of(0.0, 1.0, -0.5, 99.50372314453125, 1e16, 1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64, 1/3.0).(float64))
	case reflect.Int32, reflect.Int64:
		v.SetInt(c.of(int64(0), int64(-1), int64(math.MinInt64)>>(64-v.Type().Bits()), int64(math.MaxInt64)>>(64-v.Type().Bits())).(int64))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		c.number(v)
	case reflect.Pointer:
		if c.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			c.deep(v.Elem(), depth+1)
		}
	default:
		c.many(v, depth)
	}
}

func (c *chance) number(v reflect.Value) {
	if values, isEnum := enums[v.Type()]; isEnum {
		v.SetUint(uint64(c.IntN(values)))
		return
	}
	v.SetUint(c.of(uint64(0), uint64(1), uint64(5), uint64(math.MaxUint64)>>(64-v.Type().Bits())).(uint64))
}

func (c *chance) many(v reflect.Value, depth int) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(c.timeOf()))
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
	case v.Kind() == reflect.Slice:
		if depth < 4 && c.IntN(4) > 0 {
			v.Set(reflect.MakeSlice(v.Type(), c.IntN(3), 3))
			for i := range v.Len() {
				c.deep(v.Index(i), depth+1)
			}
		}
	case v.Kind() == reflect.Struct:
		for _, field := range v.Fields() {
			c.deep(field, depth+1)
		}
	default:
		panic("no values for " + v.Type().String())
	}
}
