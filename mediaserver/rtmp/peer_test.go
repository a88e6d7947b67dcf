package rtmp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	gortmp "github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// published is what a client sends until its first sound.
type published struct {
	names []string // of commands
	audio []byte
	err   error
}

// serveOne takes a client, and answers as little as it needs to publish.
func serveOne(ln net.Listener) (r published) {
	nc, err := ln.Accept()
	if err != nil {
		return published{err: err}
	}
	c := NewServerConn(nc, Config{})
	defer c.Close()
	if r.err = c.Handshake(); r.err != nil {
		return r
	}
	r.err = c.Serve(func(m *Message) error {
		if m.Type == TypeAudio {
			r.audio = bytes.Clone(m.Payload)
			return io.EOF
		}
		if m.Type != TypeCommand {
			return nil
		}
		cmd, err := ParseCommand(m)
		if err != nil {
			return err
		}
		r.names = append(r.names, cmd.Name)
		switch cmd.Name {
		case "connect":
			return c.SendCommand(0, "_result", cmd.Transaction, amf.NewObject("fmsVer", "FMS/3,5,7,7009", "capabilities", 31, "mode", 1),
				amf.NewObject("level", "status", "code", "NetConnection.Connect.Success", "description", "", "data", amf.NewECMAArray("type", "x", "version", "y")))
		case "createStream":
			return c.SendCommand(0, "_result", cmd.Transaction, nil, 1)
		}
		return nil
	})
	return r
}

// go-rtmp's client is an independent peer: its chunks, its AMF.
func TestGoRTMPClientPublishes(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	served := make(chan published, 1)
	go func() { served <- serveOne(ln) }()

	client, err := gortmp.Dial("rtmp", ln.Addr().String(), &gortmp.ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.Connect(&message.NetConnectionConnect{Command: message.NetConnectionConnectCommand{App: "live"}}); err != nil {
		t.Fatal(err)
	}
	stream, err := client.CreateStream(nil, 128)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Publish(&message.NetStreamPublish{PublishingName: "cam", PublishingType: "live"}); err != nil {
		t.Fatal(err)
	}
	sound := bytes.Repeat([]byte{0xaf, 1}, 200)
	if err := stream.Write(4, 10, &message.AudioMessage{Payload: bytes.NewReader(sound)}); err != nil {
		t.Fatal(err)
	}
	r := <-served
	if !errors.Is(r.err, io.EOF) || !bytes.Equal(r.audio, sound) {
		t.Errorf("%d bytes of sound, %v", len(r.audio), r.err)
	}
	if len(r.names) != 3 || r.names[0] != "connect" || r.names[1] != "createStream" || r.names[2] != "publish" {
		t.Errorf("commands %v", r.names)
	}
}
