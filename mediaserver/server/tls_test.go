package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// writePair makes a self-signed certificate of that name.
func writePair(t *testing.T, dir, name string, modified time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestRTMPS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writePair(t, dir, "one.example", time.Now().Add(-time.Hour))
	s, _ := runWith(t, Config{RTMPSAddress: "127.0.0.1:0", TLSCertFile: certFile, TLSKeyFile: keyFile}, open)
	dial := func() *tls.Conn {
		t.Helper()
		nc, err := tls.Dial("tcp", s.RTMPSAddr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return nc
	}

	// A player by TLS gets what a publisher without it sends.
	nc := dial()
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
	times := make(chan uint32, 100)
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
	for i := range uint32(50) {
		audio(t, p, i)
	}
	for i := range uint32(50) {
		if got := <-times; got != i {
			t.Fatalf("message %d came as %d", i, got)
		}
	}
	conn.Close()
	<-ended

	// A renewed certificate counts for the next connection.
	writePair(t, dir, "two.example", time.Now())
	for end := time.After(10 * time.Second); ; {
		nc := dial()
		name := nc.ConnectionState().PeerCertificates[0].Subject.CommonName
		if err := nc.Close(); err != nil {
			t.Fatal(err)
		}
		if name == "two.example" {
			break
		}
		select {
		case <-end:
			t.Fatalf("still serves %s", name)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestRTMPSCannotStart(t *testing.T) {
	certFile, keyFile := writePair(t, t.TempDir(), "x", time.Now())
	for name, c := range map[string]struct {
		cert, key, want string
	}{
		"no files":  {"", "", "--tls-cert-file"},
		"not there": {certFile + "x", keyFile, "no such file"},
		"swapped":   {keyFile, certFile, "read certificate"},
	} {
		s, err := New(Config{Data: t.TempDir(), RTMPAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0",
			RTMPSAddress: "127.0.0.1:0", TLSCertFile: c.cert, TLSKeyFile: c.key}, docs(t, open))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Listen(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", name, err, c.want)
		}
		s.close()
	}
}
