package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// peer is a client with one NetStream, which does as it is told, right or
// wrong. It is used by one goroutine.
type peer struct {
	nc       net.Conn // below conn
	conn     *rtmp.Conn
	statuses chan string // codes
	results  chan struct{}
	witness  *witness // of what it plays; set before that

	deaf    atomic.Bool // stops reading
	release chan struct{}
	once    sync.Once
	ended   chan struct{}
}

const streamID = 1 // what the first createStream gets

// dial connects and goes as far as a stream. buffer bounds what the kernel
// holds of what is not read, in bytes; 0 leaves it alone.
func (s *server) dial(ctx context.Context, buffer int) (*peer, error) {
	d := net.Dialer{}
	if buffer > 0 {
		d.Control = func(_, _ string, raw syscall.RawConn) error {
			var err error
			e := raw.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer)
			})
			return errors.Join(e, err)
		}
	}
	nc, err := d.DialContext(ctx, "tcp", s.rtmp)
	if err != nil {
		return nil, err
	}
	p := &peer{
		nc: nc, conn: rtmp.NewClientConn(nc, rtmp.Config{}), statuses: make(chan string, 64), results: make(chan struct{}, 64),
		release: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := p.conn.Handshake(); err != nil {
		p.conn.Close()
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = p.conn.Serve(p.handle) // whose fault the end is, callers know
	}()
	err = p.conn.SendCommand(0, "connect", 1, amf.NewObject("app", "soak", "tcUrl", "rtmp://"+s.rtmp+"/soak"))
	if err == nil {
		err = p.result(ctx)
	}
	if err == nil {
		err = p.conn.SendCommand(0, "createStream", 2, nil)
	}
	if err == nil {
		err = p.result(ctx)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *peer) handle(m *rtmp.Message) error {
	if p.deaf.Load() {
		<-p.release
		return net.ErrClosed
	}
	switch m.Type {
	case rtmp.TypeVideo:
		if p.witness != nil {
			p.witness.see(m)
		}
	case rtmp.TypeCommand:
		cmd, err := rtmp.ParseCommand(m)
		if err != nil {
			return err
		}
		if cmd.Name == "_result" {
			offer(p.results, struct{}{})
		}
		if len(cmd.Args) == 0 || cmd.Name != "onStatus" {
			return nil
		}
		if o, ok := cmd.Args[0].(*amf.Object); ok {
			v, _ := o.Get("code")
			code, _ := v.(string)
			if code == "NetStream.Play.InsufficientBW" && p.witness != nil {
				p.witness.slow()
			}
			offer(p.statuses, code)
		}
	}
	return nil
}

// offer drops what nobody has taken for long.
func offer[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

var errEnded = errors.New("the server ended the connection")

func (p *peer) result(ctx context.Context) error {
	select {
	case <-p.results:
		return nil
	case <-p.ended:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await waits for one of some statuses, past others.
func (p *peer) await(ctx context.Context, codes ...string) (string, error) {
	for {
		select {
		case got := <-p.statuses:
			for _, c := range codes {
				if c == got {
					return got, nil
				}
			}
		case <-p.ended:
			return "", errEnded
		case <-ctx.Done():
			return "", fmt.Errorf("no %v: %w", codes, ctx.Err())
		}
	}
}

// command sends a command of the stream, which has no answer but statuses.
func (p *peer) command(name string, args ...amf.Value) error {
	return p.conn.SendCommand(streamID, name, 0, nil, args...)
}

// close ends the connection at once, and returns when nothing of it is left.
func (p *peer) close() {
	p.once.Do(func() { close(p.release) })
	p.conn.Close()
	<-p.ended
}
