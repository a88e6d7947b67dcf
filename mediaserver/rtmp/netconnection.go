package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// clientChunkSize is what clients send with: what every server takes.
const clientChunkSize = 4096

// NetConnection is the client's end of a connection to an application, with
// any number of NetStreams. Both ends call methods of the other: Call, Handle.
//
// Its methods and those of its streams may be called from any goroutine.
// Callbacks (methods, media, statuses) come from the one that reads, never two
// at once and with no lock held; they must neither wait for the server nor
// call Close.
type NetConnection struct {
	URL *URL // that it was made for; nil when it was made for a Conn

	conn     *Conn
	calls    *Calls
	statuses *statuses

	mu      sync.Mutex            // nothing is called while it is held
	streams map[uint32]*NetStream // those that were closed are nil
	objects map[objectKey]*SharedObject
	handled map[objectKey]func(*sharedobject.Message) error // by HandleObject

	ended chan struct{}
	err   error // why; after ended
}

// Connect dials the server of a URL and connects to its application, which args go
// to. A refusal is a *StatusError. Whoever has methods for the server, or another
// object for connect, takes Dial, NewNetConnection and NetConnection.Connect.
func Connect(ctx context.Context, rawURL string, cfg Config, args ...amf.Value) (*NetConnection, error) {
	conn, u, err := Dial(ctx, rawURL, cfg)
	if err != nil {
		return nil, err
	}
	nc := NewNetConnection(conn)
	nc.URL = u
	if _, err := nc.Connect(ctx, u.ConnectObject(), args...); err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to %s: %w", u.TCURL(), err)
	}
	return nc, nil
}

// NewNetConnection makes the NetConnection of a client's connection whose
// handshake is done. It belongs to it from now on: Close ends both.
func NewNetConnection(conn *Conn) *NetConnection {
	nc := &NetConnection{
		conn: conn, calls: NewCalls(conn, 0, 0), statuses: newStatuses(),
		streams: map[uint32]*NetStream{}, ended: make(chan struct{}),
	}
	go func() {
		nc.err = conn.Serve(nc.handle)
		conn.Close()
		nc.calls.Close()
		close(nc.ended)
	}()
	return nc
}

// InstanceID is what a script's NetConnection says in connect's command object: the
// instance that it is of. A server that understands it says in the properties of its
// answer, by the same name, which instance it is. Of servers of Adobe's none knows it.
const InstanceID = "instanceId"

// ConnectObject is the command object that connect asks for the application of
// a URL with [SPEC §7.2.1.1]. It says what Enhanced RTMP calls capabilities,
// but not CapsReconnect: that is for its user to say, who cannot be told.
func (u *URL) ConnectObject() *amf.Object {
	object := amf.NewObject(
		"app", u.App, "type", "nonprivate", "flashVer", "FMLE/3.0 (compatible; Flashpod)",
		"tcUrl", u.TCURL(), "objectEncoding", 0)
	SetEnhanced(object, CapsMultitrack|CapsModEx|CapsTimestampNanoOffset)
	return object
}

// Connect asks for an application: object says which, args go to it as they
// are. The answer's command object is what the server says of itself, its
// first argument the status. A refusal is a *StatusError.
func (nc *NetConnection) Connect(ctx context.Context, object *amf.Object, args ...amf.Value) (*Command, error) {
	if err := nc.conn.Send(SetChunkSize(clientChunkSize), WindowAckSize(defaultWindow)); err != nil {
		return nil, err
	}
	return nc.call(ctx, "connect", object, args, nil)
}

// Call calls a method of the server and waits for its result: the arguments of
// its answer, of which the first is the value. An _error is a *StatusError.
func (nc *NetConnection) Call(ctx context.Context, name string, args ...amf.Value) ([]amf.Value, error) {
	answer, err := nc.call(ctx, name, nil, args, nil)
	if err != nil {
		return nil, err
	}
	return answer.Args, nil
}

func (nc *NetConnection) call(ctx context.Context, name string, object amf.Value, args []amf.Value, taken func(*Command) error) (*Command, error) {
	answer, err := nc.calls.wait(ctx, name, object, args, taken)
	if !errors.Is(err, net.ErrClosed) {
		return answer, err
	}
	select {
	case <-nc.ended:
		return nil, nc.end()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Notify calls a method of the server and asks for no answer.
func (nc *NetConnection) Notify(name string, args ...amf.Value) error {
	return nc.calls.Call(name, nil, args...)
}

// Ask calls a method of the server, and has done told what has become of it: by the
// goroutine that reads, in the order of answers. Calls go out in the order of Ask.
func (nc *NetConnection) Ask(name string, done Answered, args ...amf.Value) error {
	return nc.calls.Call(name, done, args...)
}

// HandleOthers has calls of the server taken that Handle knows no method for.
func (nc *NetConnection) HandleOthers(f Others) { nc.calls.HandleOthers(f) }

// Handle lets the server call a method; nil takes it back. A server may call as
// soon as it is connected to: methods that it must find are handled before.
func (nc *NetConnection) Handle(name string, method Method) { nc.calls.Handle(name, method) }

// CreateStream makes a NetStream [SPEC §7.2.1.3].
func (nc *NetConnection) CreateStream(ctx context.Context) (*NetStream, error) {
	s := &NetStream{nc: nc, statuses: newStatuses(), closed: make(chan struct{})}
	_, err := nc.call(ctx, "createStream", nil, nil, func(answer *Command) error {
		if len(answer.Args) > 0 {
			if id, ok := answer.Args[0].(float64); ok {
				s.id = uint32(id)
				nc.mu.Lock()
				nc.streams[s.id] = s
				nc.mu.Unlock()
				return nil
			}
		}
		return fmt.Errorf("%w: createStream was answered without a number", ErrProtocol)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (nc *NetConnection) handle(m *Message) error {
	switch m.Type {
	case TypeCommand:
		cmd, err := ParseCommand(m)
		if err != nil {
			return err
		}
		if cmd.Name == "onStatus" {
			nc.status(cmd)
			return nil
		}
		return nc.calls.Receive(cmd)
	case TypeSharedObject, TypeSharedObjectAMF3:
		return nc.sharedObject(m)
	case TypeAudio, TypeVideo, TypeData:
		if s := nc.stream(m.StreamID); s != nil {
			if media := s.media.Load(); media != nil && *media != nil {
				return (*media)(m)
			}
		}
	}
	return nil
}

// stream is the stream of an id or, of a connection that never had another, the
// only one: some servers take the id for a formality. It is nil when there is
// none.
func (nc *NetConnection) stream(id uint32) *NetStream {
	nc.mu.Lock()
	defer nc.mu.Unlock()
	if s, ok := nc.streams[id]; ok || len(nc.streams) != 1 {
		return s
	}
	for _, s := range nc.streams {
		return s
	}
	return nil
}

// status hands a status to those who wait for it: the stream's, or the
// connection's, of whose errors every stream hears.
func (nc *NetConnection) status(cmd *Command) {
	if len(cmd.Args) == 0 {
		return
	}
	info, ok := cmd.Args[0].(*amf.Object)
	if !ok {
		return
	}
	code, _ := info.Get("code")
	name, _ := code.(string)
	if cmd.StreamID != 0 || strings.HasPrefix(name, "NetStream.") {
		if s := nc.stream(cmd.StreamID); s != nil {
			s.statuses.add(info)
		}
		return
	}
	nc.statuses.add(info)
	if level, _ := info.Get("level"); level != "error" {
		return
	}
	nc.mu.Lock()
	all := make([]*NetStream, 0, len(nc.streams))
	for _, s := range nc.streams {
		if s != nil {
			all = append(all, s)
		}
	}
	nc.mu.Unlock()
	for _, s := range all {
		s.statuses.add(info)
	}
}

// Status waits for the next status of the connection, such as
// NetConnection.Connect.ReconnectRequest, and returns its code. One of level
// error is returned as a *StatusError too.
func (nc *NetConnection) Status(ctx context.Context) (code string, err error) {
	return nc.statuses.next(ctx, nc, nil)
}

// OnStatus has f called with the information object of every status of the
// connection, before Status returns it.
func (nc *NetConnection) OnStatus(f func(info *amf.Object)) { nc.statuses.heard.Store(&f) }

// Ended is closed when the connection is over, and nothing is called any more.
func (nc *NetConnection) Ended() <-chan struct{} { return nc.ended }

// end is why the connection is over; after ended.
func (nc *NetConnection) end() error {
	if errors.Is(nc.err, io.EOF) {
		return errors.New("the server closed the connection")
	}
	return nc.err
}

// BytesIn is the number of bytes received.
func (nc *NetConnection) BytesIn() uint64 { return nc.conn.BytesIn() }

// BytesOut is the number of bytes sent.
func (nc *NetConnection) BytesOut() uint64 { return nc.conn.BytesOut() }

// Close ends the connection, and with it its streams, and returns when nothing
// is called any more.
func (nc *NetConnection) Close() {
	nc.conn.Close()
	<-nc.ended
}
