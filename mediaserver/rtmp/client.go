package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// clientChunkSize is what clients send with: what every server takes.
const clientChunkSize = 4096

// StatusError is a status of level error, or the _error of a call.
type StatusError struct {
	Code, Description string
}

func (e *StatusError) Error() string {
	if e.Description == "" {
		return e.Code
	}
	return e.Code + ": " + e.Description
}

// Client is the client's side of one NetConnection with one NetStream. Its
// methods may be called from any goroutine.
type Client struct {
	URL  *URL
	conn *Conn
	id   uint32 // of the NetStream

	mu       sync.Mutex
	calls    map[float64]chan *Command
	last     float64
	media    func(*Message) error
	statuses chan *amf.Object

	ended chan struct{}
	err   error // why; after ended
}

// Connect dials the server of a URL, connects to its application and creates a
// stream. A refusal is a *StatusError.
func Connect(ctx context.Context, rawURL string, cfg Config) (*Client, error) {
	conn, u, err := Dial(ctx, rawURL, cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{
		URL: u, conn: conn, calls: map[float64]chan *Command{},
		statuses: make(chan *amf.Object, 64), ended: make(chan struct{}),
	}
	go func() {
		defer close(c.ended)
		c.err = conn.Serve(c.handle)
		conn.Close()
	}()
	if err := c.hello(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("connect to %s: %w", u.TCURL(), err)
	}
	return c, nil
}

func (c *Client) hello(ctx context.Context) error {
	if err := c.conn.Send(SetChunkSize(clientChunkSize), WindowAckSize(defaultWindow)); err != nil {
		return err
	}
	object := amf.NewObject(
		"app", c.URL.App, "type", "nonprivate", "flashVer", "FMLE/3.0 (compatible; Flashpod)",
		"tcUrl", c.URL.TCURL(), "objectEncoding", 0)
	// Not CapsReconnect: that is its user's business, who cannot be told.
	SetEnhanced(object, CapsMultitrack|CapsModEx|CapsTimestampNanoOffset)
	if _, err := c.Call(ctx, "connect", object); err != nil {
		return err
	}
	answer, err := c.Call(ctx, "createStream", nil)
	if err != nil {
		return err
	}
	if len(answer) > 0 {
		if id, ok := answer[0].(float64); ok {
			c.id = uint32(id)
			return nil
		}
	}
	return fmt.Errorf("%w: createStream was answered without a number", ErrProtocol)
}

// Call calls a method of the server and waits for its result.
func (c *Client) Call(ctx context.Context, name string, object amf.Value, args ...amf.Value) ([]amf.Value, error) {
	answered := make(chan *Command, 1)
	c.mu.Lock()
	c.last++
	txn := c.last
	c.calls[txn] = answered
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.calls, txn)
		c.mu.Unlock()
	}()
	if err := c.conn.SendCommand(0, name, txn, object, args...); err != nil {
		return nil, err
	}
	cmd, err := await(ctx, c, answered)
	if err != nil {
		return nil, err
	}
	if cmd.Name == "_error" {
		for _, v := range append(cmd.Args, cmd.Object) {
			if o, ok := v.(*amf.Object); ok {
				return nil, statusError(o)
			}
		}
		return nil, &StatusError{Code: name, Description: "the server says no more than that it failed"}
	}
	return cmd.Args, nil
}

// await waits for what a server sends. What came before the connection was over
// goes first: a server that refuses says why, and closes.
func await[T any](ctx context.Context, c *Client, from <-chan T) (got T, err error) {
	select {
	case got = <-from:
		return got, nil
	case <-c.ended:
		err = c.end()
	case <-ctx.Done():
		err = ctx.Err()
	}
	select {
	case got = <-from:
		return got, nil
	default:
		return got, err
	}
}

// end is why the connection is over.
func (c *Client) end() error {
	if errors.Is(c.err, io.EOF) {
		return errors.New("the server closed the connection")
	}
	return c.err
}

func statusError(o *amf.Object) *StatusError {
	code, _ := o.Get("code")
	description, _ := o.Get("description")
	e := &StatusError{}
	e.Code, _ = code.(string)
	e.Description, _ = description.(string)
	return e
}

func (c *Client) handle(m *Message) error {
	switch m.Type {
	case TypeCommand:
		cmd, err := ParseCommand(m)
		if err != nil {
			return err
		}
		c.command(cmd)
	case TypeAudio, TypeVideo, TypeData:
		c.mu.Lock()
		media := c.media
		c.mu.Unlock()
		if media != nil {
			return media(m)
		}
	}
	return nil
}

func (c *Client) command(cmd *Command) {
	switch cmd.Name {
	case "_result", "_error":
		c.mu.Lock()
		answered := c.calls[cmd.Transaction]
		delete(c.calls, cmd.Transaction)
		c.mu.Unlock()
		if answered != nil {
			answered <- cmd
		}
	case "onStatus":
		if len(cmd.Args) > 0 {
			if o, ok := cmd.Args[0].(*amf.Object); ok {
				select {
				case c.statuses <- o:
				default: // nobody has listened for long
				}
			}
		}
	}
}

// Status waits for the next onStatus. One of level error is returned as a
// *StatusError.
func (c *Client) Status(ctx context.Context) (code string, err error) {
	o, err := await(ctx, c, c.statuses)
	if err != nil {
		return "", err
	}
	e := statusError(o)
	if level, _ := o.Get("level"); level == "error" {
		return e.Code, e
	}
	return e.Code, nil
}

// Await waits for a status of one of the codes, past others.
func (c *Client) Await(ctx context.Context, codes ...string) (string, error) {
	for {
		got, err := c.Status(ctx)
		if err != nil {
			return got, err
		}
		for _, code := range codes {
			if got == code {
				return got, nil
			}
		}
	}
}

// Publish takes a name; mode is live, record or append.
func (c *Client) Publish(ctx context.Context, name, mode string) error {
	if err := c.conn.SendCommand(c.id, "publish", 0, nil, name, mode); err != nil {
		return err
	}
	_, err := c.Await(ctx, "NetStream.Publish.Start")
	return err
}

// Send publishes audio, video or data. It waits while the server takes less
// than it is sent.
func (c *Client) Send(ctx context.Context, m *Message) error {
	out := *m
	out.StreamID = c.id
	return c.conn.SendWait(ctx, &out)
}

// Unpublish ends a publication, and waits until the server says that it has.
func (c *Client) Unpublish(ctx context.Context) error {
	if err := c.conn.SendCommand(c.id, "closeStream", 0, nil); err != nil {
		return err
	}
	_, err := c.Await(ctx, "NetStream.Unpublish.Success")
	return err
}

// Play asks for a stream from a start in ms: -2000 for live or recorded, -1000
// for live, 0 and more for recorded. media gets every message of it, in the
// goroutine that reads; payloads are valid during the call.
func (c *Client) Play(ctx context.Context, name string, start float64, media func(*Message) error) error {
	c.mu.Lock()
	c.media = media
	c.mu.Unlock()
	err := c.conn.Send(UserControl(EventSetBufferLength, c.id, 3000))
	if err == nil {
		err = c.conn.SendCommand(c.id, "play", 0, nil, name, start)
	}
	if err != nil {
		return err
	}
	_, err = c.Await(ctx, "NetStream.Play.Start")
	return err
}

// BytesIn is the number of bytes received.
func (c *Client) BytesIn() uint64 { return c.conn.BytesIn() }

// BytesOut is the number of bytes sent.
func (c *Client) BytesOut() uint64 { return c.conn.BytesOut() }

// Close ends the connection and returns when nothing is called any more.
func (c *Client) Close() {
	c.conn.Close()
	<-c.ended
}
