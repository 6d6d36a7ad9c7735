package jstest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// streamCreatedSubject is where the server announces a new stream; of its notices about itself this is the only one imitated.
const streamCreatedSubject = "$JS.EVENT.ADVISORY.STREAM.CREATED."

func checkStreamName(name string) error {
	if name == "" {
		return jetstream.ErrStreamNameRequired
	}
	if strings.ContainsAny(name, ">*. /\\\t\r\n") {
		return fmt.Errorf("%w: %q", jetstream.ErrInvalidStreamName, name)
	}
	return nil
}

// normalStream fills in the server's defaults, so that configurations can be compared.
func normalStream(cfg jetstream.StreamConfig) jetstream.StreamConfig {
	refuseStreamConfig(cfg)
	for _, limit := range []*int64{&cfg.MaxMsgs, &cfg.MaxBytes, &cfg.MaxMsgsPerSubject} {
		if *limit == 0 {
			*limit = -1
		}
	}
	if cfg.MaxMsgSize == 0 {
		cfg.MaxMsgSize = -1
	}
	if cfg.MaxConsumers == 0 {
		cfg.MaxConsumers = -1
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = 1
	}
	if len(cfg.Subjects) == 0 {
		cfg.Subjects = []string{cfg.Name}
	}
	if cfg.Duplicates == 0 {
		cfg.Duplicates = defaultDuplicates
		if cfg.MaxAge > 0 {
			cfg.Duplicates = min(cfg.Duplicates, cfg.MaxAge)
		}
	}
	return cfg
}

// refuseStreamConfig panics at what would change the stream's behaviour and is not imitated.
func refuseStreamConfig(cfg jetstream.StreamConfig) {
	for what, set := range map[string]bool{
		"Retention": cfg.Retention != jetstream.LimitsPolicy, "DiscardNewPerSubject": cfg.DiscardNewPerSubject,
		"NoAck": cfg.NoAck, "Mirror": cfg.Mirror != nil, "Sources": len(cfg.Sources) > 0, "Sealed": cfg.Sealed,
		"FirstSeq": cfg.FirstSeq != 0, "SubjectTransform": cfg.SubjectTransform != nil, "RePublish": cfg.RePublish != nil,
		"AllowMsgTTL": cfg.AllowMsgTTL, "SubjectDeleteMarkerTTL": cfg.SubjectDeleteMarkerTTL != 0,
		"AllowMsgCounter": cfg.AllowMsgCounter, "AllowAtomicPublish": cfg.AllowAtomicPublish,
		"AllowMsgSchedules": cfg.AllowMsgSchedules, "AllowBatchPublish": cfg.AllowBatchPublish,
	} {
		if set {
			notImitated("StreamConfig." + what)
		}
	}
}

func (b *broker) stream(name string) (*streamState, error) {
	st, ok := b.streams[name]
	if !ok {
		return nil, jetstream.ErrStreamNotFound
	}
	return st, nil
}

// createStream returns the stream that is there when it has the same configuration.
func (b *broker) createStream(cfg jetstream.StreamConfig) (*streamState, error) {
	if st, ok := b.streams[cfg.Name]; ok {
		if !reflect.DeepEqual(st.cfg, cfg) {
			return nil, jetstream.ErrStreamNameAlreadyInUse
		}
		return st, nil
	}
	if err := b.checkOverlap(cfg); err != nil {
		return nil, err
	}
	st := newStreamState(cfg)
	b.streams[cfg.Name] = st
	b.wake()
	b.route(&nats.Msg{Subject: streamCreatedSubject + cfg.Name, Data: fmt.Appendf(nil, `{"stream":%q,"action":"create"}`, cfg.Name)})
	return st, nil
}

func (b *broker) updateStream(cfg jetstream.StreamConfig) (*streamState, error) {
	st, err := b.stream(cfg.Name)
	if err != nil {
		return nil, err
	}
	if err := b.checkOverlap(cfg); err != nil {
		return nil, err
	}
	st.cfg = cfg
	b.wake()
	return st, nil
}

func (b *broker) checkOverlap(cfg jetstream.StreamConfig) error {
	for _, other := range b.streams {
		if other.cfg.Name == cfg.Name {
			continue
		}
		for _, mine := range cfg.Subjects {
			for _, theirs := range other.cfg.Subjects {
				if overlap(mine, theirs) {
					return &jetstream.APIError{Code: 400, ErrorCode: 10065, Description: "subjects overlap with an existing stream"}
				}
			}
		}
	}
	return nil
}

func (b *broker) deleteStream(name string) error {
	st, err := b.stream(name)
	if err != nil {
		return err
	}
	st.deleted = true
	for _, c := range st.consumers {
		c.deleted = true
	}
	delete(b.streams, name)
	b.wake()
	return nil
}
