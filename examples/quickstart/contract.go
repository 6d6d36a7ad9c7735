package main

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
)

// createContract creates what a fleet's backend creates: the agent only uses
// it, and waits for whatever is missing.
func createContract(ctx context.Context, js jetstream.JetStream) error {
	for _, s := range wire.Streams() {
		cfg := jetstream.StreamConfig{
			Name: s.Name, Subjects: s.Subjects, MaxAge: s.MaxAge, MaxMsgsPerSubject: s.MaxMsgsPerSubject,
		}
		if _, err := js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return fmt.Errorf("create stream %s: %w", s.Name, err)
		}
	}
	for _, b := range wire.Buckets() {
		cfg := jetstream.KeyValueConfig{Bucket: b.Name, History: b.History}
		if _, err := js.CreateOrUpdateKeyValue(ctx, cfg); err != nil {
			return fmt.Errorf("create bucket %s: %w", b.Name, err)
		}
	}
	for _, o := range wire.ObjectStores() {
		cfg := jetstream.ObjectStoreConfig{Bucket: o.Name, TTL: o.MaxAge}
		if _, err := js.CreateOrUpdateObjectStore(ctx, cfg); err != nil {
			return fmt.Errorf("create object store %s: %w", o.Name, err)
		}
	}
	return nil
}
