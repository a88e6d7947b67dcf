package script_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script"
)

// fakeStreams notes what a script does with streams, and knows one recording: film.
type fakeStreams struct {
	say  func(format string, args ...any)
	told func(script.StreamStatus)
}

var errNotRecorded = errors.New("not recorded")

func (f *fakeStreams) OpenStreams(told func(script.StreamStatus)) { f.told = told }
func (f *fakeStreams) PlayStream(stream string, i script.StreamItem, reset bool) {
	f.say("play %s: %s from=%d start=%v length=%v picture=%v data=%v reset=%v", stream, i.Name, i.From, i.Start, i.Length, i.Picture, i.DataOnly, reset)
	f.told(script.StreamStatus{Stream: stream, Level: "status", Code: "NetStream.Play.Start", Details: i.Name})
}
func (f *fakeStreams) StopStream(stream string) { f.say("stop %s", stream) }
func (f *fakeStreams) RecordStream(stream string, r script.StreamRecord) {
	f.say("record %s %s %v %d", stream, r.Mode, r.MaxDuration, r.MaxBytes)
}
func (f *fakeStreams) StopRecord(stream string) { f.say("recorded %s", stream) }
func (f *fakeStreams) SendStream(stream string, data []byte) {
	all, err := amf.DecodeAll(data)
	f.say("send %s%s %v", stream, texts(all), err)
}

func (f *fakeStreams) ReadStream(ctx context.Context, _ string, _ time.Time, _ func(*rtmp.Message) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func (f *fakeStreams) StreamLength(ctx context.Context, name string) (time.Duration, error) {
	return known(ctx, name, 2500*time.Millisecond)
}
func (f *fakeStreams) StreamSize(ctx context.Context, name string) (int64, error) {
	return known(ctx, name, int64(4096))
}
func (f *fakeStreams) StreamMeta(ctx context.Context, name string) (amf.Value, error) {
	return known[amf.Value](ctx, name, amf.NewObject("width", 320.0))
}
func (f *fakeStreams) DeleteStream(ctx context.Context, name string) error {
	f.say("delete %s", name)
	_, err := known(ctx, name, 0)
	return err
}
func (f *fakeStreams) ClearStreams(_ context.Context, path string) error {
	f.say("clear %s", path)
	return nil
}

// known is what is known of the film; of what hangs nothing is known in time.
func known[T any](ctx context.Context, name string, v T) (T, error) {
	var none T
	switch name {
	case "film", "mp4:film":
		return v, nil
	case "hangs":
		<-ctx.Done()
		return none, fmt.Errorf("the disk: %w", ctx.Err())
	}
	return none, errNotRecorded
}
