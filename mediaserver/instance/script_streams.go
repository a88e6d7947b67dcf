package instance

import (
	"context"
	"errors"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script"
)

var _ script.Streams = (*Instance)(nil)

// OpenStreams implements script.Streams.
func (i *Instance) OpenStreams(told func(script.StreamStatus)) {
	_ = i.post(func(o *owner) {
		o.endOwn(true)
		o.told = told
	})
}

// PlayStream implements script.Streams. A client that publishes the stream has to give
// way.
func (i *Instance) PlayStream(stream string, item script.StreamItem, reset bool) {
	_ = i.post(func(o *owner) { o.playItem(stream, item, reset) })
}

// StopStream implements script.Streams.
func (i *Instance) StopStream(stream string) {
	_ = i.post(func(o *owner) {
		if c := o.channels[stream]; c != nil {
			c.stop()
		}
	})
}

// RecordStream implements script.Streams. Where nobody publishes, the recording begins
// with what the server sends, and goes on with the next publication.
func (i *Instance) RecordStream(stream string, r script.StreamRecord) {
	_ = i.post(func(o *owner) { o.record(stream, r) })
}

// StopRecord implements script.Streams.
func (i *Instance) StopRecord(stream string) {
	_ = i.post(func(o *owner) { o.stopRecording(stream) })
}

// SendStream implements script.Streams. Of a stream that nobody plays, publishes or
// records, nothing is left.
func (i *Instance) SendStream(stream string, data []byte) {
	_ = i.post(func(o *owner) {
		if e := o.streams[stream]; e != nil {
			e.stream.Send(data)
		}
	})
}

// StreamLength implements script.Streams.
func (i *Instance) StreamLength(ctx context.Context, name string) (time.Duration, error) {
	return question(ctx, i, func(ctx context.Context) (time.Duration, error) { return i.store.Length(ctx, name) })
}

// StreamSize implements script.Streams.
func (i *Instance) StreamSize(ctx context.Context, name string) (int64, error) {
	return question(ctx, i, func(ctx context.Context) (int64, error) { return i.store.Size(ctx, name) })
}

// StreamMeta implements script.Streams.
func (i *Instance) StreamMeta(ctx context.Context, name string) (amf.Value, error) {
	data, live := i.liveMeta(ctx, name)
	if !live {
		var err error
		if data, err = question(ctx, i, func(ctx context.Context) ([]byte, error) { return i.store.Meta(ctx, name) }); err != nil {
			return nil, err
		}
	}
	all, err := amf.DecodeAll(data)
	if err != nil || len(all) < 2 {
		return nil, err
	}
	return all[1], nil
}

// liveMeta is onMetaData of a stream as it is published now; live is false when it is
// not.
func (i *Instance) liveMeta(ctx context.Context, name string) (data []byte, live bool) {
	type answer struct {
		data []byte
		live bool
	}
	came := make(chan answer, 1)
	if !i.post(func(o *owner) {
		if o.live(name) {
			came <- answer{o.streams[name].stream.Stored("onMetaData"), true}
			return
		}
		came <- answer{}
	}) {
		return nil, false
	}
	select {
	case a := <-came:
		return a.data, a.live
	case <-ctx.Done():
		return nil, false
	}
}

// DeleteStream implements script.Streams.
func (i *Instance) DeleteStream(ctx context.Context, name string) error {
	_, err := question(ctx, i, func(context.Context) (struct{}, error) { return struct{}{}, i.store.Delete(name) })
	return err
}

// ClearStreams implements script.Streams.
func (i *Instance) ClearStreams(ctx context.Context, path string) error {
	_, err := question(ctx, i, func(ctx context.Context) (int, error) { return i.store.Clear(ctx, path) })
	return err
}

// question asks about files, in turn with all others who do, and waits for the answer
// until ctx ends.
func question[T any](ctx context.Context, i *Instance, ask func(context.Context) (T, error)) (T, error) {
	i.reentry.check("a question about files")
	type answer struct {
		value T
		err   error
	}
	came := make(chan answer, 1)
	ok := i.questions.Ask("script of "+i.application+"/"+i.name, func(mine context.Context) {
		both, cancel := context.WithCancelCause(mine)
		defer cancel(nil)
		defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
		if both.Err() != nil || ctx.Err() != nil {
			came <- answer{err: errors.Join(context.Cause(ctx), context.Cause(both))}
			return
		}
		value, err := ask(both)
		came <- answer{value, err}
	})
	var none T
	if !ok {
		return none, diskBusy()
	}
	select {
	case a := <-came:
		return a.value, a.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}
