package jstest

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// nextLimit is what the options of MessagesContext.Next say.
type nextLimit struct {
	timeout time.Duration
	ctx     context.Context
}

func readNextOptions(opts []jetstream.NextOpt) (nextLimit, error) {
	var limit nextLimit
	for _, opt := range opts {
		fields := applied(opt)
		if t := field[time.Duration](fields, "timeout"); t > 0 {
			limit.timeout = t
		}
		if ctx := field[context.Context](fields, "ctx"); ctx != nil {
			limit.ctx = ctx
		}
	}
	if limit.timeout > 0 && limit.ctx != nil {
		return limit, fmt.Errorf("%w: cannot specify both NextMaxWait and NextContext", jetstream.ErrInvalidOption)
	}
	return limit, nil
}

// watchLimit is what the options of KeyValue.Watch say.
type watchLimit struct {
	history, ignoreDeletes, updatesOnly, metaOnly bool
	from                                          uint64
}

func readWatchOptions(opts []jetstream.WatchOpt) watchLimit {
	var w watchLimit
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		fields := applied(opt)
		w.history = w.history || field[bool](fields, "includeHistory")
		w.ignoreDeletes = w.ignoreDeletes || field[bool](fields, "ignoreDeletes")
		w.updatesOnly = w.updatesOnly || field[bool](fields, "updatesOnly")
		w.metaOnly = w.metaOnly || field[bool](fields, "metaOnly")
		w.from = max(w.from, field[uint64](fields, "resumeFromRevision"))
	}
	return w
}

// readSubjectFilter returns what WithSubjectFilter says, or nothing.
func readSubjectFilter(opts []jetstream.StreamInfoOpt) (filter string) {
	for _, opt := range opts {
		fields := applied(opt)
		if field[bool](fields, "DeletedDetails") {
			notImitated("WithDeletedDetails of Stream.Info")
		}
		if f := field[string](fields, "SubjectFilter"); f != "" {
			filter = f
		}
	}
	return filter
}

// applied calls an option of jetstream, which is a function on a pointer to an unexported struct, on a fresh one, and
// returns that struct. There is no other way to see what an option says.
func applied(opt any) reflect.Value {
	f := reflect.ValueOf(opt)
	if f.Kind() != reflect.Func || f.Type().NumIn() != 1 || f.Type().In(0).Kind() != reflect.Pointer {
		notImitated(fmt.Sprintf("an option of type %T", opt))
	}
	target := reflect.New(f.Type().In(0).Elem())
	f.Call([]reflect.Value{target})
	return target.Elem()
}

// field reads a field of an addressable struct, an unexported one too.
func field[T any](s reflect.Value, name string) T {
	f := s.FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		notImitated(fmt.Sprintf("an option of jetstream whose %s has no field %s of type %s", s.Type(), name, reflect.TypeFor[T]()))
	}
	return *reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Interface().(*T)
}
