//go:build clients

package clients

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	gortmp "github.com/yutopp/go-rtmp"
	"github.com/yutopp/go-rtmp/message"

	"flashpod.dev/flashpod/mediaserver/flv"
)

func (b *bench) goRTMP() row {
	r := row{name: "go-rtmp", version: func(t *testing.T) string {
		m := regexp.MustCompile(`github.com/yutopp/go-rtmp v(\S+)`).FindStringSubmatch(read(t, "../../../go.mod"))
		if m == nil {
			t.Fatal("go.mod does not have it")
		}
		return m[1]
	}}
	publish := func(t *testing.T, url, mode string) func() error {
		return func() error { return b.goPublishes(t, url, mode) }
	}
	r.cells[publishLive].do = func(t *testing.T) (string, error) {
		return "", b.watched(t, b.all, "go-live", whole, publish(t, b.all.url+"/go-live", "live"))
	}
	r.cells[recorded] = b.isRecorded("go-live", whole)
	r.cells[publishRecord].do = func(t *testing.T) (string, error) {
		if err := publish(t, b.server.url+"/go-record", "record")(); err != nil {
			return "", err
		}
		until(t, "the recording to be finished", func() bool { return b.server.said("unpublished", "go-record") > 0 })
		return "", b.same(filepath.Join(b.server.streams(), "go-record.flv"), whole)
	}
	r.cells[publishTLS].do = func(t *testing.T) (string, error) {
		return "", b.watched(t, b.server, "go-tls", whole, publish(t, b.secure+"/go-tls", "live"))
	}
	for question, start := range map[int]float64{playLive: -1000, playRecorded: 0, playFrom: 2000, playTLS: 0} {
		url := b.server.url
		if question == playTLS {
			url = b.secure
		}
		r.cells[question] = attempt{no: "its client has no play, and its reader ends at what comes on a stream", shows: "nil pointer", do: func(t *testing.T) (string, error) {
			if question != playLive {
				return "", b.goPlays(t, url, "film", start)
			}
			b.sends(t, url+"/go-played")
			until(t, "it to be published", func() bool { return b.server.said("publishing", "go-played") > 0 })
			return "", b.goPlays(t, url, "go-played", start)
		}}
	}
	return r
}

// goDials connects go-rtmp's client and creates a stream.
func (b *bench) goDials(t *testing.T, url string, config *gortmp.ConnConfig) (*gortmp.ClientConn, *gortmp.Stream, error) {
	t.Helper()
	scheme, rest, _ := strings.Cut(url, "://")
	address, _, _ := strings.Cut(rest, "/")
	var client *gortmp.ClientConn
	var err error
	if scheme == "rtmps" {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(read(t, b.cert)))
		client, err = gortmp.TLSDial(scheme, address, config, &tls.Config{RootCAs: roots})
	} else {
		client, err = gortmp.Dial(scheme, address, config)
	}
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { _ = client.Close() })
	connect := &message.NetConnectionConnect{Command: message.NetConnectionConnectCommand{App: "live", TCURL: scheme + "://" + address + "/live"}}
	if err := client.Connect(connect); err != nil {
		return nil, nil, err
	}
	stream, err := client.CreateStream(nil, 4096)
	return client, stream, err
}

// goPublishes sends the film at its own pace.
func (b *bench) goPublishes(t *testing.T, url, mode string) error {
	client, stream, err := b.goDials(t, url, &gortmp.ConnConfig{})
	if err != nil {
		return err
	}
	name := url[strings.LastIndexByte(url, '/')+1:]
	if err := stream.Publish(&message.NetStreamPublish{PublishingName: name, PublishingType: mode}); err != nil {
		return err
	}
	f, err := os.Open(b.film)
	if err != nil {
		return err
	}
	defer f.Close()
	tags, err := flv.NewReader(f)
	if err != nil {
		return err
	}
	began := time.Now()
	for {
		tag, err := tags.Next()
		if errors.Is(err, io.EOF) {
			return client.Close()
		}
		if err != nil {
			return err
		}
		<-time.After(time.Until(began.Add(tag.Timestamp.Duration())))
		body := bytes.NewReader(tag.Data)
		switch tag.Type {
		case flv.TypeAudio:
			err = stream.Write(4, uint32(tag.Timestamp), &message.AudioMessage{Payload: body})
		case flv.TypeVideo:
			err = stream.Write(6, uint32(tag.Timestamp), &message.VideoMessage{Payload: body})
		default:
			err = stream.Write(5, uint32(tag.Timestamp), &message.DataMessage{Name: "@setDataFrame", Encoding: message.EncodingTypeAMF0, Body: body})
		}
		if err != nil {
			return err
		}
	}
}

// playCommand stands for message.NetStreamPlay, which go-rtmp's writer does not
// take.
type playCommand struct {
	name  string
	start float64
}

func (*playCommand) FromArgs(...any) error { return errors.New("not read") }

func (p *playCommand) ToArgs(message.EncodingType) ([]any, error) {
	return []any{nil, p.name, p.start}, nil
}

// seen takes what go-rtmp has no handling of its own for; that is where media
// would arrive.
type seen struct {
	gortmp.DefaultHandler
	video chan struct{} // one is enough
}

func (s *seen) OnUnknownMessage(_ uint32, m message.Message) error {
	if _, ok := m.(*message.VideoMessage); ok {
		select {
		case s.video <- struct{}{}:
		default:
		}
	}
	return nil
}

// goPlays does by hand what its client has no method for, and waits for the
// first picture or the end of its reader.
func (b *bench) goPlays(t *testing.T, url, name string, start float64) error {
	handler := &seen{video: make(chan struct{}, 1)}
	client, stream, err := b.goDials(t, url, &gortmp.ConnConfig{Handler: handler})
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := message.EncodeBodyAnyValues(message.NewAMFEncoder(&body, message.EncodingTypeAMF0), &playCommand{name, start}); err != nil {
		return err
	}
	command := &message.CommandMessage{CommandName: "play", Encoding: message.EncodingTypeAMF0, Body: &body}
	if err := stream.Write(3, 0, command); err != nil {
		return err
	}
	until(t, "a picture or the end of the reader", func() bool { return len(handler.video) > 0 || client.LastError() != nil })
	return client.LastError()
}
