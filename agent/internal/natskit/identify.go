package natskit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// TLSFiles name the files for TLS. They are read before every attempt. Without
// CA the system's authorities count.
type TLSFiles struct {
	CA, Cert, Key string
}

// identify asks who to be for the attempt that follows and writes it into the
// connection's options.
func (d *dialer) identify(ctx context.Context, into *nats.Options) error {
	fresh, err := d.ask(ctx)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	both := fresh.User != "" && fresh.Token != ""
	d.both.Store(both)
	if both {
		if d.refused.Load() {
			fresh.User, fresh.Password = "", ""
		} else {
			fresh.Token = ""
		}
	}
	into.User, into.Password, into.UserInfo = fresh.User, fresh.Password, fresh.UserInfo
	into.Token, into.TokenHandler = fresh.Token, fresh.TokenHandler
	into.Nkey, into.SignatureCB, into.UserJWT = fresh.Nkey, fresh.SignatureCB, fresh.UserJWT
	into.TLSConfig, into.TLSCertCB, into.RootCAsCB = fresh.TLSConfig, fresh.TLSCertCB, fresh.RootCAsCB
	into.Secure = fresh.Secure || d.secure
	return nil
}

// ask collects the options of the files and of the source, which come last and
// win.
func (d *dialer) ask(ctx context.Context) (nats.Options, error) {
	var fresh nats.Options
	opts, err := d.tls.options(ctx)
	if !errors.Is(err, errHangs) { // else a look at it hangs too
		d.warn.check(d.tls.Key)
	}
	if err != nil {
		return fresh, err
	}
	theirs, err := d.theirs(ctx)
	if err != nil {
		return fresh, err
	}
	opts = append(opts, theirs...)
	for _, opt := range opts {
		if err := opt(&fresh); err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

// secretFiler is a source that can name what nobody else should read.
type secretFiler interface{ SecretFiles() []string }

func (d *dialer) theirs(ctx context.Context) ([]nats.Option, error) {
	if d.source == nil {
		return nil, nil
	}
	opts, err := d.source.Options(ctx)
	if s, ok := d.source.(secretFiler); ok && !errors.Is(err, errHangs) {
		d.warn.check(s.SecretFiles()...)
	}
	return opts, err
}

// maxTLSBytes is many times what the authorities of a system come to.
const maxTLSBytes = 8 << 20

func (f TLSFiles) pair(ctx context.Context) (tls.Certificate, error) {
	cert, err := readFile(ctx, f.Cert, maxTLSBytes)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readFile(ctx, f.Key, maxTLSBytes)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

func (f TLSFiles) options(ctx context.Context) ([]nats.Option, error) {
	if f.CA == "" && f.Cert == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pem, err := readFile(ctx, f.CA, maxTLSBytes)
		if err != nil {
			return nil, fmt.Errorf("tls ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls ca: %s holds no PEM certificate", f.CA)
		}
	}
	if f.Cert != "" {
		pair, err := f.pair(ctx)
		if err != nil {
			return nil, fmt.Errorf("tls certificate %s with key %s: %w", f.Cert, f.Key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return []nats.Option{nats.Secure(config)}, nil
}
