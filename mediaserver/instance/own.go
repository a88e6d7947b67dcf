package instance

import (
	"context"
	"time"
)

// Send puts a data message of the server's own into a stream, in AMF0: the name of a
// handler and what it is called with. All who play the stream get it, and so do
// recordings. Of a stream that nobody plays, publishes or records, nothing is left.
func (i *Instance) Send(stream string, data []byte) {
	_ = i.post(func(o *owner) {
		if e := o.streams[stream]; e != nil {
			e.stream.Send(data)
		}
	})
}

// RecordedLength is how long a recorded stream plays, RecordedSize how many bytes its
// file has, and RecordedMeta what it says of itself: onMetaData, in AMF0. They wait
// until ctx ends. So does Clear, which removes recordings: see [recording.Store.Clear].
func (i *Instance) RecordedLength(ctx context.Context, name string) (time.Duration, error) {
	return question(ctx, i, func(ctx context.Context) (time.Duration, error) { return i.store.Length(ctx, name) })
}

// RecordedSize is said there.
func (i *Instance) RecordedSize(ctx context.Context, name string) (int64, error) {
	return question(ctx, i, func(ctx context.Context) (int64, error) { return i.store.Size(ctx, name) })
}

// RecordedMeta is said there.
func (i *Instance) RecordedMeta(ctx context.Context, name string) ([]byte, error) {
	return question(ctx, i, func(ctx context.Context) ([]byte, error) { return i.store.Meta(ctx, name) })
}

// Clear is said there.
func (i *Instance) Clear(ctx context.Context, path string) (cleared int, err error) {
	return question(ctx, i, func(ctx context.Context) (int, error) { return i.store.Clear(ctx, path) })
}

// LiveMeta is onMetaData of a stream as it is published now, in AMF0; nil: there is
// none. It waits for the owner, until ctx ends.
func (i *Instance) LiveMeta(ctx context.Context, name string) []byte {
	i.reentry.check("LiveMeta")
	came := make(chan []byte, 1)
	if !i.post(func(o *owner) {
		if o.live(name) {
			came <- o.streams[name].stream.Stored("onMetaData")
			return
		}
		came <- nil
	}) {
		return nil
	}
	select {
	case b := <-came:
		return b
	case <-ctx.Done():
		return nil
	}
}

// asker is who the instance's own code is among those who ask about files.
const asker = "script"

// question asks about files, in turn with all others who do, and waits for the answer
// until ctx ends.
func question[T any](ctx context.Context, i *Instance, ask func(context.Context) (T, error)) (T, error) {
	i.reentry.check("a question about files")
	type answer struct {
		value T
		err   error
	}
	came := make(chan answer, 1)
	var none T
	ok := i.questions.Ask(asker+" of "+i.application+"/"+i.name, func(mine context.Context) {
		both, cancel := context.WithCancelCause(mine)
		defer cancel(nil)
		defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
		value, err := ask(both)
		came <- answer{value, err}
	})
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
