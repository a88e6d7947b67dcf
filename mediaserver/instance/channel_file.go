package instance

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// pieceSize is how much of a file is read at once.
	pieceSize = 128 << 10
	// partSize is how much is read at least of a frame that does not fit into that,
	// and maxFrame how large one may be that is sent.
	partSize = rtmp.ChunkSize + 64
	maxFrame = 1<<24 - 1
	// maxReads is how many reads of a channel may be under way: one that it waits for,
	// and one that it does not any more.
	maxReads = 2
	// pictureWait is how long a single picture is looked for.
	pictureWait = 200 * time.Millisecond
)

// reel is a recorded item that plays.
type reel struct {
	*pump
	item  *queued
	file  *playback.File
	batch *media.Batch
	pos   media.Position
	from  media.Timestamp    // where the item begins in the file
	limit media.Timestamp    // the last time of it that is played
	last  [2]media.Timestamp // of sound, and of pictures

	paid int64 // of file.Samples
}

// playFile plays a recorded item. The file is given back when nothing reads it any
// more.
func (p *pump) playFile(ctx context.Context, q *queued, file *playback.File) outcome {
	r := &reel{pump: p, item: q, file: file, batch: media.NewBatch(pieceSize)}
	r.batch.Part = partSize
	var headers []media.Frame
	end := file.Duration()
	r.from, r.limit = fileTime(min(q.Start, end)), fileTime(end)
	if q.Length > 0 {
		r.limit = min(r.limit, fileTime(q.Start+q.Length))
	}
	var err error
	done := r.reading(ctx, func() {
		r.pos = file.Seek(r.from)
		headers, err = file.Headers(file.Bytes, r.pos)
	})
	switch {
	case !done:
		return outcomeBroken
	case err != nil:
		defer file.Close()
		return p.refused(q, notPlayed(err))
	case !p.begin(q):
		defer file.Close()
		return outcomeFailed
	}
	p.say(codePlayStart, "Started playing "+q.Name+".", q.Name)
	if err = r.introduce(headers); err == nil {
		err = r.play(ctx)
	}
	return r.over(ctx, err)
}

// over is the end of a recorded item.
func (r *reel) over(ctx context.Context, err error) outcome {
	r.file.Samples.Give(r.paid)
	if !errors.Is(err, errReads) {
		r.file.Close()
	}
	switch {
	case ctx.Err() != nil:
		return outcomeBroken
	case err != nil && !errors.Is(err, io.EOF):
		return r.refused(r.item, notPlayed(err))
	}
	if length := r.item.Length; length > 0 && r.ends > r.at+length {
		r.ends = r.at + length
	}
	// What is written a moment before its time is not over before it.
	if !r.until(ctx, r.ends) {
		return outcomeBroken
	}
	return outcomePlayed
}

var errReads = errors.New("the item is not wanted any more, and its disk has not answered yet")

// reading has something done that may wait for the disk, and waits for it as long as
// the item is wanted. Where it returns false, what is done goes on, and the file is
// given back behind it.
func (r *reel) reading(ctx context.Context, do func()) bool {
	select {
	case r.reads <- struct{}{}:
	case <-ctx.Done():
		r.file.Close()
		return false
	}
	done, gone := make(chan struct{}), make(chan struct{})
	reads, file := r.reads, r.file
	go func() {
		do()
		<-reads
		select {
		case done <- struct{}{}:
		case <-gone:
			file.Close()
		}
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		close(gone)
		return false
	}
}

// introduce writes what players need before the item: metadata, and the headers of
// its codecs.
func (r *reel) introduce(headers []media.Frame) error {
	if b := liveMeta(r.file.OnMetaData); b != nil {
		if err := r.write(rtmp.TypeData, r.at, 0, b); err != nil {
			return err
		}
	}
	if r.item.DataOnly {
		return nil
	}
	for _, h := range headers {
		if err := r.write(rtmp.MessageType(h.Type), r.at, 0, r.joined(h)); err != nil {
			return err
		}
	}
	return nil
}

// play writes frames as their times come, and returns io.EOF at the end of the item.
func (r *reel) play(ctx context.Context) error {
	for {
		var next media.Position
		var err error
		if !r.reading(ctx, func() { next, err = r.read() }) {
			return errReads
		}
		if err != nil {
			return err
		}
		for _, f := range r.batch.Frames {
			if err := r.frame(ctx, f); err != nil {
				return err
			}
		}
		r.pos = next
	}
}

func (r *reel) read() (media.Position, error) {
	r.batch.Buf = r.batch.Buf[:cap(r.batch.Buf)][:pieceSize]
	if !r.item.DataOnly {
		return r.file.Read(r.file.Bytes, r.pos, r.batch)
	}
	if file, ok := r.file.File.(media.DataFile); ok {
		return file.Data(r.file.Bytes, r.pos, r.batch)
	}
	return r.pos, io.EOF
}

// frame writes a frame when its time has come. Of what lies before the beginning,
// only pictures and headers are: what follows refers to them.
func (r *reel) frame(ctx context.Context, f media.Frame) error {
	if f.Time > r.limit || r.item.Picture && f.Time > r.from.Add(pictureWait) {
		return io.EOF
	}
	at, takes, wanted := r.at, r.takes(f), true
	switch {
	case r.item.DataOnly:
		takes, wanted = 0, f.Time >= r.from
	case f.Time > r.from:
		at += (f.Time - r.from).Duration()
	case f.Time < r.from:
		wanted = f.Type == media.TypeVideo || isAudioHeader(f)
		takes = 0
	}
	isPicture := f.Type == media.TypeVideo && !payload.IsVideoHeader(front(f))
	if r.item.Picture {
		wanted = f.Type == media.TypeVideo
	}
	if f.Size() == 0 || f.Size() > maxFrame || !wanted {
		return nil
	}
	if left := (r.limit - f.Time).Duration(); f.Time <= r.limit && left < prefetchTime {
		r.prefetch()
	}
	if !r.until(ctx, at) {
		return ctx.Err()
	}
	body, err := r.whole(ctx, f)
	if err != nil || body == nil {
		return err
	}
	err = r.write(rtmp.MessageType(f.Type), at, takes, body)
	r.unpay()
	if err == nil && r.item.Picture && isPicture {
		return io.EOF
	}
	return err
}

// takes is how long a frame takes, which is about as long as the one before of its
// kind: an item is not over when its last frame begins.
func (r *reel) takes(f media.Frame) time.Duration {
	kind := 0
	switch f.Type {
	case media.TypeVideo:
		kind = 1
	case media.TypeAudio:
	default:
		return 0
	}
	was := r.last[kind]
	r.last[kind] = f.Time
	if d := (f.Time - was).Duration(); f.Time > was && was > 0 {
		return min(d, maxFrameTime)
	}
	return frameTime
}

// whole is the payload of a frame, good until the next one; nil: it takes more memory
// than there is, and is left out.
func (r *reel) whole(ctx context.Context, f media.Frame) ([]byte, error) {
	if f.More == 0 {
		return r.joined(f), nil
	}
	if !r.file.Samples.Take(int64(f.Size())) {
		return nil, nil
	}
	r.paid += int64(f.Size())
	body := make([]byte, f.Size())
	n := copy(body, f.Head)
	n += copy(body[n:], f.Data)
	var err error
	if !r.reading(ctx, func() { err = media.ReadFull(r.file.Bytes, body[n:], f.From) }) {
		return nil, errReads
	}
	return body, err
}

// unpay gives back what a frame has cost that was read on its own.
func (r *reel) unpay() {
	if r.paid > 0 {
		r.file.Samples.Give(r.paid)
		r.paid = 0
	}
}

// joined is the payload of a frame in one piece, good until the next call.
func (r *reel) joined(f media.Frame) []byte {
	if len(f.Head) == 0 {
		return f.Data
	}
	r.buf = append(append(r.buf[:0], f.Head...), f.Data...)
	return r.buf
}

// front is the beginning of a payload, which says what it is.
func front(f media.Frame) []byte {
	if len(f.Head) > 0 {
		return f.Head
	}
	return f.Data
}

func isAudioHeader(f media.Frame) bool {
	return f.Type == media.TypeAudio && payload.IsAudioHeader(front(f))
}

// fileTime is a time of a file, which is neither negative nor more than 32 bits hold.
func fileTime(d time.Duration) media.Timestamp {
	return media.Timestamp(max(0, min(d.Milliseconds(), math.MaxUint32)))
}
