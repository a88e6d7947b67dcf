package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// writePair writes a self-signed certificate of that name and its key, good for
// an hour around a time.
func writePair(t *testing.T, dir, name string, at time.Time) (certFile, keyFile string) {
	t.Helper()
	cert, key := makePair(t, name, at)
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for file, b := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func makePair(t *testing.T, name string, at time.Time) (certText, keyText []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour), DNSNames: []string{name}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// shown is the name in the certificate that a client by TLS is shown, or the
// error of its handshake.
func shown(t *testing.T, s *Server) (string, error) {
	t.Helper()
	nc, err := tls.Dial("tcp", s.RTMPSAddr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return "", err
	}
	return nc.ConnectionState().PeerCertificates[0].Subject.CommonName, nc.Close()
}

// A player by TLS gets what a publisher without it sends.
func TestRTMPS(t *testing.T) {
	t.Parallel()
	certFile, keyFile := writePair(t, t.TempDir(), "one.example", time.Now())
	s, _ := runWith(t, Config{RTMPSAddress: "127.0.0.1:0", TLSCertFile: certFile, TLSKeyFile: keyFile}, open)
	nc, err := tls.Dial("tcp", s.RTMPSAddr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	conn := rtmp.NewClientConn(nc, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SendCommand(0, "connect", 1, amf.NewObject("app", "app/one")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SendCommand(0, "createStream", 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.SendCommand(1, "play", 0, nil, "cam"); err != nil {
		t.Fatal(err)
	}
	times := make(chan media.Timestamp, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = conn.Serve(func(m *rtmp.Message) error {
			if m.Type == rtmp.TypeAudio {
				times <- m.Timestamp
			}
			return nil
		})
	}()
	joined(t, s, 1)
	p := connect(t, s, "app/one").hello()
	p.on(1, "publish", "cam", "live")
	p.expect("event 0", "onStatus NetStream.Publish.Start")
	for i := range media.Timestamp(50) {
		audio(t, p, i)
	}
	for i := range media.Timestamp(50) {
		if got := <-times; got != i {
			t.Fatalf("message %d came as %d", i, got)
		}
	}
	conn.Close()
	<-ended
}

// A renewed certificate counts for the next connection.
func TestRTMPSCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHand()
	certFile, keyFile := writePair(t, dir, "one.example", h.now())
	s, _ := runWith(t, Config{RTMPSAddress: "127.0.0.1:0", TLSCertFile: certFile, TLSKeyFile: keyFile, clock: h.clock()}, open)
	if name, err := shown(t, s); name != "one.example" {
		t.Errorf("shows %q, %v", name, err)
	}
	writePair(t, dir, "two.example", h.now())
	h.tick()
	if name, err := shown(t, s); name != "two.example" {
		t.Errorf("shows %q, %v", name, err)
	}
}

// spoiled are ways in which a pair of files is none.
var spoiled = map[string]struct {
	spoil func(t *testing.T, certFile, keyFile string)
	want  string // in the log
}{
	"missing": {func(t *testing.T, certFile, _ string) {
		if err := os.Remove(certFile); err != nil {
			t.Fatal(err)
		}
	}, "tls.crt: no such file"},
	"no key": {func(t *testing.T, _, keyFile string) {
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
	}, "tls.key: no such file"},
	"unreadable": {func(t *testing.T, certFile, _ string) {
		if err := errors.Join(os.Remove(certFile), os.Mkdir(certFile, 0o700)); err != nil {
			t.Fatal(err)
		}
	}, "tls.crt: is a directory"},
	"garbage": {func(t *testing.T, certFile, _ string) {
		if err := os.WriteFile(certFile, []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
	}, "failed to find any PEM data in certificate input"},
	"empty": {func(t *testing.T, certFile, _ string) {
		if err := os.WriteFile(certFile, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}, "failed to find any PEM data in certificate input"},
	"of another key": {func(t *testing.T, certFile, _ string) {
		cert, _ := makePair(t, "other.example", time.Now())
		if err := os.WriteFile(certFile, cert, 0o600); err != nil {
			t.Fatal(err)
		}
	}, "private key does not match public key"},
}

// A certificate that is missing or bad takes nothing down but RTMPS, whose
// clients are told by TLS; a good one is used as soon as it is there.
func TestRTMPSWithoutCertificate(t *testing.T) {
	t.Parallel()
	for name, c := range spoiled {
		t.Run(name, func(t *testing.T) {
			dir, h, log := t.TempDir(), newHand(), &said{}
			certFile, keyFile := writePair(t, dir, "bad.example", h.now())
			c.spoil(t, certFile, keyFile)
			s, _ := runWith(t, Config{RTMPSAddress: "127.0.0.1:0", TLSCertFile: certFile, TLSKeyFile: keyFile, clock: h.clock(), Log: log.log()}, open)
			for range 5 {
				h.tick()
				if name, err := shown(t, s); err == nil || !strings.Contains(err.Error(), "remote error: tls: internal error") {
					t.Errorf("shows %q, %v; want an alert", name, err)
				}
			}
			// A client has its alert before it is counted.
			servertest.Eventually(t, "five are counted as turned away", func() bool { return s.Refused()["no certificate"] == 5 })
			connect(t, s, "app/one").hello()
			base := "http://" + s.HTTPAddr().String()
			if code, body := get(t, base+"/readyz"); code != 200 {
				t.Errorf("not ready: %d %s", code, body)
			}
			_, metrics := get(t, base+"/metrics")
			if !strings.Contains(metrics, "flashpod_certificate_usable 0\n") || strings.Contains(metrics, "flashpod_certificate_not_after") {
				t.Error("metrics do not tell of it")
			}
			if log.count("clients are turned away") != 1 || log.count(c.want) != 1 || log.count("client turned away") != 1 {
				t.Errorf("the log does not say once %q:\n%s", c.want, log)
			}

			if err := os.RemoveAll(certFile); err != nil {
				t.Fatal(err)
			}
			writePair(t, dir, "good.example", h.now())
			h.tick()
			if name, err := shown(t, s); name != "good.example" {
				t.Errorf("shows %q, %v", name, err)
			}
			_, metrics = get(t, base+"/metrics")
			if !strings.Contains(metrics, "flashpod_certificate_usable 1\n") || !strings.Contains(metrics, fmt.Sprintf("flashpod_certificate_not_after_timestamp_seconds %v\n", float64(h.now().Add(time.Hour).Unix()))) {
				t.Error("metrics do not tell of the good one")
			}

			// Bad again: the good one stays, and the log hears of it once.
			c.spoil(t, certFile, keyFile)
			h.tick()
			h.tick()
			if name, err := shown(t, s); name != "good.example" {
				t.Errorf("bad again: shows %q, %v", name, err)
			}
			if n := log.count("the one before stays"); n != 1 {
				t.Errorf("said %d times that the one before stays", n)
			}
		})
	}
}

// One that is out of date is shown when there is no better: clients that look
// at it learn why, and encoders that do not go on.
func TestRTMPSOutOfDate(t *testing.T) {
	t.Parallel()
	dir, h, log := t.TempDir(), newHand(), &said{}
	certFile, keyFile := writePair(t, dir, "old.example", h.now().Add(-2*time.Hour))
	s, _ := runWith(t, Config{RTMPSAddress: "127.0.0.1:0", TLSCertFile: certFile, TLSKeyFile: keyFile, clock: h.clock(), Log: log.log()}, open)
	usable := func(want string) {
		t.Helper()
		if _, metrics := get(t, "http://"+s.HTTPAddr().String()+"/metrics"); !strings.Contains(metrics, "flashpod_certificate_usable "+want+"\n") {
			t.Errorf("usable is not %s", want)
		}
	}
	expect := func(want string) {
		t.Helper()
		h.tick()
		if name, err := shown(t, s); name != want {
			t.Errorf("shows %q, %v; want %q", name, err, want)
		}
	}
	expect("old.example")
	usable("0")
	if n := log.count("out of date"); n != 1 {
		t.Errorf("said %d times that it is out of date", n)
	}
	writePair(t, dir, "new.example", h.now())
	expect("new.example")
	usable("1")
	writePair(t, dir, "early.example", h.now().Add(2*time.Hour)) // valid in an hour
	expect("new.example")
	usable("1")
	h.turn(time.Hour + time.Second)
	expect("early.example")
	usable("1")
	h.turn(3 * time.Hour)
	expect("early.example")
	usable("0")
	if n := log.count("it is out of date"); n != 2 {
		t.Errorf("said %d times that it is out of date", n)
	}
}

// No certificate named is a mistake on the command line.
func TestRTMPSNeedsFiles(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Data: t.TempDir(), RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", RTMPSAddress: "127.0.0.1:0"}, docs(t, open))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "--tls-cert-file") {
		t.Errorf("%v does not say --tls-cert-file", err)
	}
	s.close(t.Context())
}

// By the real clock, and without anybody who connects or publishes.
func TestFilesAreLookedAtByThemselves(t *testing.T) {
	t.Parallel()
	dir, key := t.TempDir(), &secret{t: t, dir: t.TempDir()}
	log := &said{}
	key.write("a")
	runWith(t, Config{PublishKeyFile: key.file(), RTMPSAddress: "127.0.0.1:0", Log: log.log(),
		TLSCertFile: filepath.Join(dir, "tls.crt"), TLSKeyFile: filepath.Join(dir, "tls.key")}, keyed)
	writePair(t, dir, "good.example", time.Now())
	key.write("b")
	servertest.Eventually(t, "both are noticed", func() bool {
		return log.count("certificate for RTMPS") > 0 && log.count("publish key has changed") > 0
	})
}
