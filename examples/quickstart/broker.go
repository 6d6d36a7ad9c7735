package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// broker is a NATS server with JetStream inside this process.
type broker struct {
	server *server.Server
	url    string
}

// brokerStart is generous: a server that can start listens when Start returns.
const brokerStart = 5 * time.Second

// startBroker listens on a free port of the loopback interface and keeps its
// data in dir.
func startBroker(dir string, log *slog.Logger) (*broker, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "quickstart",
		Host:       "127.0.0.1",
		Port:       server.RANDOM_PORT,
		JetStream:  true,
		StoreDir:   dir,
		NoSigs:     true, // signals are for main
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the embedded broker: %w", err)
	}
	s.SetLoggerV2(brokerLog{log.With("component", "broker")}, true, false, false)
	s.Start()
	b := &broker{server: s}
	if !s.ReadyForConnections(brokerStart) {
		b.stop()
		return nil, errors.New("the embedded broker does not start; its log above says why")
	}
	b.url = s.ClientURL()
	return b, nil
}

func (b *broker) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// brokerLog writes the server's log to ours. Its warnings are about settings
// for production, such as a store in a temporary folder.
type brokerLog struct{ log *slog.Logger }

func (l brokerLog) Fatalf(format string, v ...any)  { l.log.Error(fmt.Sprintf(format, v...)) }
func (l brokerLog) Errorf(format string, v ...any)  { l.log.Error(fmt.Sprintf(format, v...)) }
func (l brokerLog) Warnf(format string, v ...any)   { l.log.Info(fmt.Sprintf(format, v...)) }
func (l brokerLog) Noticef(format string, v ...any) { l.log.Info(fmt.Sprintf(format, v...)) }
func (l brokerLog) Debugf(format string, v ...any)  { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l brokerLog) Tracef(format string, v ...any)  { l.log.Debug(fmt.Sprintf(format, v...)) }
