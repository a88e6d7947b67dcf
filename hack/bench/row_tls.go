package main

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
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// tlsPairs is how often plain and TLS players take turns.
const tlsPairs = 3

// tidied is how long an audience plays here before it is measured. What connecting by TLS
// leaves behind is collected when the server has seen twice, every two seconds, that nobody
// comes any more (mediaserver/server/tidy.go); of viewers by HTTP/2 that costs as
// much as to serve them for a second or two.
const tidied = 5 * time.Second

// sealedWays are the ways by TLS. What is plain is RTMP.
var sealedWays = []struct {
	name string
	add  func(l *loader, t *target, words []byte) error
}{
	{"TLS", func(l *loader, t *target, words []byte) error { return l.addSecure(t.secure, words) }},
	{"HTTP-FLV over TLS", func(l *loader, t *target, _ []byte) error { return l.addSecureWeb(t.secure, byOne) }},
	{"HTTP-FLV over HTTP/2", func(l *loader, t *target, _ []byte) error { return l.addSecureWeb(t.secure, byTwo) }},
}

// tlsRow holds players by TLS, and viewers by HTTPS, against plain players of the same
// server, in turns.
func tlsRow(b *bench) ([]result, error) {
	n := b.players(1000)
	var out []result
	for _, latency := range []string{"Balanced", "Throughput"} {
		costs, memory := make([][]float64, 1+len(sealedWays)), make([]int64, 1+len(sealedWays))
		for range tlsPairs {
			for i := range costs {
				us, rss, err := b.audienceBy(latency, n, i-1)
				if err != nil {
					return out, err
				}
				costs[i], memory[i] = append(costs[i], us), rss
			}
		}
		for i, w := range sealedWays {
			var ratios []float64
			for k, us := range costs[i+1] {
				ratios = append(ratios, us/costs[0][k])
			}
			r := result{
				what:   fmt.Sprintf("CPU per MB to %d players by %s, %s", n, w.name, latency),
				figure: fmt.Sprintf("%.0f µs", median(costs[i+1])), floor: fmt.Sprintf("plain %.0f", median(costs[0])),
				target: "below 2.00×", ratio: median(ratios),
			}
			r.verdict = judge(r.ratio < 2)
			out = append(out, r, result{
				what:   fmt.Sprintf("memory a player by %s, all of the server's divided, %s", w.name, latency),
				figure: kb(float64(memory[i+1]) / float64(n)), floor: "plain " + kb(float64(memory[0])/float64(n)),
			})
		}
	}
	return out, nil
}

// audienceBy is CPU per MB of media and memory with n players of one stream, by one of
// sealedWays, or plain for -1.
func (b *bench) audienceBy(latency string, n, way int) (us float64, rss int64, err error) {
	t, err := b.serveTLS(latency)
	if err != nil {
		return 0, 0, err
	}
	a := &audience{target: t}
	defer a.end()
	if a.feed, err = publish(t, "live", "s"); err != nil {
		return 0, 0, err
	}
	if a.load, err = newLoader(t.addr, t.app); err != nil {
		return 0, 0, err
	}
	words := playWords("s", -2000)
	if way >= 0 {
		for range n {
			if err := sealedWays[way].add(a.load, t, words); err != nil {
				return 0, 0, fmt.Errorf("by %s: %w", sealedWays[way].name, err)
			}
			a.load.step(0) // players that are connected already take what they are sent
		}
	} else if err := a.load.open(n, same(words)); err != nil {
		return 0, 0, err
	}
	a.load.run(tidied)
	if us, err = a.cost(b.window); err != nil {
		return 0, 0, err
	}
	rss, err = rssOf(a.pid())
	return us, rss, err
}

// serveTLS is serve with a certificate.
func (b *bench) serveTLS(latency string) (*target, error) {
	cert, key := filepath.Join(b.dir, "tls.crt"), filepath.Join(b.dir, "tls.key")
	if err := writeCertificate(cert, key); err != nil {
		return nil, err
	}
	return b.serveWith(latency, []string{"--web-address", "127.0.0.1:0", "--rtmps-address", "127.0.0.1:0", "--tls-cert-file", cert, "--tls-key-file", key})
}

func writeCertificate(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

// addSecure connects one player by TLS and waits for its first picture. From
// then on its bytes are counted and thrown away undeciphered, as a plain
// player's are.
func (l *loader) addSecure(to netip.AddrPort, words []byte) error {
	fd, err := dial(to)
	if err != nil {
		return err
	}
	p := &player{fd: fd, stage: shaking, words: words}
	c := tls.Client(fdConn(fd), &tls.Config{InsecureSkipVerify: true}) // the certificate is this run's own
	p.send = func(b []byte) error {
		_, err := c.Write(b)
		return err
	}
	l.opening++
	if err := p.send(firstWords()); err != nil {
		closeSocket(fd)
		return err
	}
	for p.stage < playing {
		n, err := c.Read(l.sink)
		if err == nil {
			err = l.heard(p, l.sink[:n], true)
		}
		if err != nil {
			closeSocket(fd)
			return fmt.Errorf("a player by TLS: %w", err)
		}
	}
	return l.watch(p)
}

// fdConn is a blocking socket as TLS needs it. Deadlines are the socket's own.
type fdConn int

// Read implements net.Conn.
func (c fdConn) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(c), b)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, errors.New("the server closed it")
		}
		return n, nil
	}
}

// Write implements net.Conn.
func (c fdConn) Write(b []byte) (int, error) { return len(b), sendAll(int(c), b) }

// Close implements net.Conn.
func (c fdConn) Close() error { closeSocket(int(c)); return nil }

// LocalAddr implements net.Conn: nobody asks.
func (fdConn) LocalAddr() net.Addr { return &net.TCPAddr{} }

// RemoteAddr implements net.Conn: nobody asks.
func (fdConn) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// SetDeadline implements net.Conn.
func (fdConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (fdConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (fdConn) SetWriteDeadline(time.Time) error { return nil }
