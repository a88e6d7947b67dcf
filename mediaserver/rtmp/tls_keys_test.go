package rtmp

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/socket"
)

// trafficKeys are those of one direction of TLS 1.3, for AES-128-GCM and SHA-256
// [RFC 8446 §7.3].
type trafficKeys struct {
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	number uint64 // of the next record
}

func newTrafficKeys(secret []byte) (k trafficKeys, err error) {
	k.secret = secret
	key, err := expandLabel(secret, "key", 16)
	if err != nil {
		return k, err
	}
	if k.iv, err = expandLabel(secret, "iv", 12); err != nil {
		return k, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return k, err
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

// expandLabel is HKDF-Expand-Label without a context [RFC 8446 §7.1].
func expandLabel(secret []byte, label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len(label)))
	info = append(append(info, label...), 0)
	return hkdf.Expand(sha256.New, secret, string(info), size)
}

// update goes on to the next keys [RFC 8446 §7.2].
func (k *trafficKeys) update() error {
	secret, err := expandLabel(k.secret, "traffic upd", sha256.Size)
	if err == nil {
		*k, err = newTrafficKeys(secret)
	}
	return err
}

// nonce is that of the next record.
func (k *trafficKeys) nonce() []byte {
	n := bytes.Clone(k.iv)
	binary.BigEndian.PutUint64(n[4:], binary.BigEndian.Uint64(n[4:])^k.number)
	k.number++
	return n
}

// Types of what is in a record [RFC 8446 §5.1], and of a handshake message.
const (
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23
	keyUpdate       = 24
)

// rekeying is the client's end of a TLS 1.3 connection, whose keys it changes
// when the test wants it to, as crypto/tls never does by itself.
type rekeying struct {
	net.Conn
	in       trafficKeys
	from     *bufio.Reader
	got      []byte       // of a record, not read yet
	answered atomic.Int64 // key updates of the server

	mu  sync.Mutex
	out trafficKeys
}

// dialRekeying has crypto/tls exchange handshakes, and goes on with the secrets
// that they have made.
func dialRekeying(t *testing.T, tcp net.Conn) *rekeying {
	t.Helper()
	var log bytes.Buffer
	far := tls.Client(tcp, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &log})
	if err := far.Handshake(); err != nil {
		t.Fatal(err)
	}
	if suite := far.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("the ends agree on %s, which this test does not know", tls.CipherSuiteName(suite))
	}
	c := &rekeying{Conn: tcp, from: bufio.NewReaderSize(tcp, 20<<10)}
	for line := range strings.Lines(log.String()) {
		label, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		_, text, _ := strings.Cut(rest, " ")
		secret, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		switch label {
		case "CLIENT_TRAFFIC_SECRET_0":
			c.out, err = newTrafficKeys(secret)
		case "SERVER_TRAFFIC_SECRET_0":
			c.in, err = newTrafficKeys(secret)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *rekeying) Read(b []byte) (int, error) {
	for len(c.got) == 0 {
		if err := c.open(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.got)
	c.got = c.got[n:]
	return n, nil
}

// open reads a record.
func (c *rekeying) open() error {
	head := make([]byte, 5)
	if _, err := io.ReadFull(c.from, head); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(c.from, body); err != nil {
		return err
	}
	inner, err := c.in.aead.Open(body[:0], c.in.nonce(), body, head)
	if err != nil {
		return err
	}
	inner = bytes.TrimRight(inner, "\x00")
	content, kind := inner[:len(inner)-1], inner[len(inner)-1]
	switch {
	case kind == recordData:
		c.got = content
	case kind == recordAlert:
		return io.EOF
	case kind == recordHandshake && content[0] == keyUpdate:
		c.answered.Add(1)
		return c.in.update()
	default:
		return fmt.Errorf("the server sends a record of type %d, %x", kind, content)
	}
	return nil
}

func (c *rekeying) Write(b []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for err == nil && n < len(b) {
		piece := b[n:min(len(b), n+16<<10)]
		err = c.seal(recordData, piece)
		n += len(piece)
	}
	return n, err
}

func (c *rekeying) seal(kind byte, content []byte) error {
	inner := append(bytes.Clone(content), kind)
	record := binary.BigEndian.AppendUint16([]byte{recordData, 3, 3}, uint16(len(inner)+c.out.aead.Overhead()))
	_, err := c.Conn.Write(c.out.aead.Seal(record, c.out.nonce(), inner, record))
	return err
}

// update changes the keys of what is sent, and asks the server to do so too.
func (c *rekeying) update() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	const updateRequested = 1
	if err := c.seal(recordHandshake, []byte{keyUpdate, 0, 0, 1, updateRequested}); err != nil {
		return err
	}
	return c.out.update()
}

// rekeyed is a server's Conn, over a socket that holds some records, and a
// client behind both handshakes.
func rekeyed(t *testing.T, cfg Config) (server, client *Conn, keys *rekeying) {
	t.Helper()
	near, far := pair(t, false)
	if err := near.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	tlsCfg := tlsConfig().Clone()
	tlsCfg.SessionTicketsDisabled = true // the first record of the server is the client's to count
	server = NewServerConn(socket.TLS(near, tlsCfg), cfg)
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	keys = dialRekeying(t, far)
	client = NewClientConn(keys, Config{})
	if err := errors.Join(client.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client, keys
}

// A peer changes its keys in the middle of long streams, again and again, and
// asks the server to do the same: what an owner writes and what the peer sends
// arrive as they were, and each request is answered once.
func TestTLSKeysChangeInTheMiddleOfStreams(t *testing.T) {
	server, client, keys := rekeyed(t, Config{})
	atServer, atClient := collect(t, server), collect(t, client)
	for _, c := range []*Conn{server, client} {
		if err := c.Send(SetChunkSize(ChunkSize)); err != nil {
			t.Fatal(err)
		}
	}
	const count = 200
	message := func(i int) *Message {
		return &Message{Type: TypeVideo, StreamID: 1, Timestamp: media.Timestamp(i), Payload: pattern(i * i * 13 % 30000)}
	}
	arrives := func(who string, got <-chan Message, i int) {
		t.Helper()
		if m := <-got; m.Timestamp != media.Timestamp(i) || !bytes.Equal(m.Payload, message(i).Payload) {
			t.Fatalf("the %s's message %d: %d bytes at %d", who, i, len(m.Payload), m.Timestamp)
		}
	}
	var pieces [][]byte
	for i := range count {
		pieces = append(pieces, AppendChunks(nil, message(i), ChunkSize))
	}
	wake, ring := bell()
	server.Attach(ring)
	written := make(chan error, 1)
	go func() { written <- writeAsOwner(server, wake, pieces) }()
	for i := range count {
		arrives("client", atClient, i)
		if err := keys.update(); err != nil {
			t.Fatal(err)
		}
		if err := client.Send(message(i)); err != nil {
			t.Fatal(err)
		}
		arrives("server", atServer, i)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	// The server has read every request, and says this behind its answers.
	if err := server.Send(message(count)); err != nil {
		t.Fatal(err)
	}
	arrives("client", atClient, count)
	if n := keys.answered.Load(); n != count {
		t.Errorf("%d key updates are answered by %d", count, n)
	}
}

// A peer that asks for new keys and never reads the answers is given up, and
// little is kept for it until then.
func TestTLSPeerThatOnlyAsksForKeys(t *testing.T) {
	server, _, keys := rekeyed(t, Config{WriteTimeout: 500 * time.Millisecond})
	served := make(chan error, 1)
	go func() { served <- server.Serve(func(*Message) error { return nil }) }()
	// crypto/tls ends a connection on which nothing else is sent.
	something := AppendChunks(nil, UserControl(EventSetBufferLength, 1, 1000), defaultChunkSize)
	asked := 0
	for err := error(nil); err == nil; asked++ {
		if err = keys.update(); err == nil {
			_, err = keys.Write(something)
		}
		if kept, _ := server.sealed.Kept(); kept > 2*mostKept {
			t.Fatalf("%d bytes are kept for it", kept)
		}
	}
	if err := <-served; !errors.Is(err, ErrSlow) {
		t.Errorf("asked %d times, it ended by %v, want ErrSlow", asked, err)
	}
}
