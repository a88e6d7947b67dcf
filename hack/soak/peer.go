package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// peer is a client with one NetStream, which does as it is told, right or
// wrong. It is used by one goroutine.
type peer struct {
	socket  net.Conn // below nc
	nc      *rtmp.NetConnection
	stream  *rtmp.NetStream
	witness *witness // of what it plays; set before that

	deaf    atomic.Bool // stops reading
	release chan struct{}
	once    sync.Once
}

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
	socket, err := d.DialContext(ctx, "tcp", s.rtmp)
	if err != nil {
		return nil, err
	}
	conn := rtmp.NewClientConn(socket, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	p := &peer{socket: socket, nc: rtmp.NewNetConnection(conn), release: make(chan struct{})}
	_, err = p.nc.Connect(ctx, amf.NewObject("app", "soak", "tcUrl", "rtmp://"+s.rtmp+"/soak"))
	if err == nil {
		p.stream, err = p.nc.CreateStream(ctx)
	}
	if err != nil {
		err = p.over(err)
		p.close()
		return nil, err
	}
	p.stream.OnMedia(p.media)
	p.stream.OnStatus(p.status)
	return p, nil
}

func (p *peer) media(m *rtmp.Message) error {
	if p.deaf.Load() {
		<-p.release
		return net.ErrClosed
	}
	if m.Type == rtmp.TypeVideo && p.witness != nil {
		p.witness.see(m)
	}
	return nil
}

func (p *peer) status(info *amf.Object) {
	if code, _ := info.Get("code"); code == "NetStream.Play.InsufficientBW" && p.witness != nil {
		p.witness.slow()
	}
}

var errEnded = errors.New("the server ended the connection")

// over is errEnded when that is why it failed.
func (p *peer) over(err error) error {
	select {
	case <-p.nc.Ended():
		return errEnded
	default:
		return err
	}
}

// await waits for one of some statuses, past others.
func (p *peer) await(ctx context.Context, codes ...string) (string, error) {
	for {
		got, err := p.stream.Status(ctx)
		var status *rtmp.StatusError
		if err != nil && !errors.As(err, &status) {
			return "", p.over(fmt.Errorf("no %v: %w", codes, err))
		}
		if slices.Contains(codes, got) {
			return got, nil
		}
	}
}

// command sends a command of the stream, which has no answer but statuses.
func (p *peer) command(name string, args ...amf.Value) error {
	return p.stream.Command(name, args...)
}

// close ends the connection at once, and returns when nothing of it is left.
func (p *peer) close() {
	p.once.Do(func() { close(p.release) })
	p.nc.Close()
}
