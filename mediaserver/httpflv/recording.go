package httpflv

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/disk"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

const (
	// readSize is how much of a file is read at once, and minRead how much where
	// there is no memory for more: a viewer that reads gets on, though all others do
	// not.
	readSize = 128 << 10
	minRead  = 16 << 10
	// maxReads is how many reads of files are under way at once.
	maxReads = 64
)

// serveRecording answers with a recorded stream, from its last keyframe at or before
// where it is to begin.
func (h *Handler) serveRecording(w http.ResponseWriter, r *http.Request, rec *outlet.Recording, q query, key string) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(rec.Context, cancel)()
	f := &film{Recording: rec, h: h, ctx: ctx}
	if err := f.survey(q.takes); err != nil {
		return refused(err)
	}
	at := rec.File.Seek(media.TimestampAt(q.start))
	begin, err := f.begin(at)
	if err != nil {
		return refused(err)
	}
	headers(w.Header())
	outlet.Download(w, r)
	file, isFLV := rec.File.(*flv.File)
	switch {
	case key != "":
		return h.sendMessages(w, f, at, begin, key)
	case isFLV && f.same:
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", etag(rec.Key, at))
		w, stop := rec.Counted(w)
		defer stop()
		http.ServeContent(w, r, "", rec.Modified, f.bytes(file, at, begin, q.begins && q.start > 0))
		return nil
	}
	w.Header().Set("Cache-Control", "no-cache")
	if r.Method == http.MethodHead {
		return nil
	}
	w, stop := rec.Counted(w)
	defer stop()
	if _, err := w.Write(begin); err == nil {
		_ = f.send(at, func(b []byte) error { // it has begun, and ends where it is torn
			_, err := w.Write(b)
			return err
		})
	}
	return nil
}

// refused is why a file is not sent, for whom asks for it.
func refused(err error) error {
	switch {
	case errors.Is(err, media.ErrInvalid):
		return outlet.Refuse(http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, disk.ErrNoPlace):
		return outlet.Refuse(http.StatusServiceUnavailable, err.Error())
	}
	return err
}

func etag(key string, at media.Position) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", key, at.At)
	return fmt.Sprintf(`"%016x"`, h.Sum64())
}

// sendMessages sends a film in a WebSocket, and hears what its viewer says meanwhile.
func (h *Handler) sendMessages(w http.ResponseWriter, f *film, at media.Position, begin []byte, key string) error {
	v, err := h.take(w, nil, key, f.Viewing)
	if err != nil {
		return err
	}
	defer h.leave(v)
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.ctx))
	defer cancel()
	defer context.AfterFunc(f.Viewing.Context, cancel)()
	f.ctx = ctx
	gone := make(chan error, 1)
	go func() {
		err := v.read()
		if errors.Is(err, errGone) { // nobody waits for it to take something; else a message is sent to its end
			v.conn.hurry()
		}
		cancel()
		gone <- err
	}()
	write := func(b []byte) error { return v.conn.write(b, stallTime) }
	err = write(begin)
	if err == nil {
		err = f.send(at, write)
	}
	switch {
	case err == nil:
		v.end(&closeError{closeNormal, "the recording has ended"})
	case f.Viewing.Context.Err() != nil:
		v.end(dismissed(f.Viewing.Context))
	default:
		v.end(&closeError{closeInternal, "the recording cannot be read any further"})
	}
	v.finish(<-gone)
	return nil
}

// stallTime is how long a viewer may take nothing.
const stallTime = 20 * time.Second

// film is a recording on its way to a viewer.
type film struct {
	*outlet.Recording
	selection
	h   *Handler
	ctx context.Context
}

// inPlace reads a file when it may.
func (f *film) inPlace(read func() error) error { return f.h.places.Do(f.ctx, f.Of, read) }

// bytes are a file from a place on. What it says of itself at its front is left out of
// one that does not begin with it, which then begins with begin; else only its header
// is made, so that offsets in its own metadata hold.
func (f *film) bytes(file *flv.File, at media.Position, begin []byte, moved bool) *disk.Span {
	from := at.At
	if !moved {
		begin = flv.FileHeader(f.has(true), f.has(false))
		from = int64(len(begin))
	}
	return disk.NewSpan(f.ctx, f.h.places, f.Of, begin, f.Reader, from, file.Size())
}

// begin is what goes before the media of a place: the header of the file, metadata,
// and sequence headers.
func (f *film) begin(at media.Position) (b []byte, err error) {
	var all []media.Frame
	if err := f.inPlace(func() error { all, err = f.File.Headers(f.Reader, at); return err }); err != nil {
		return nil, err
	}
	b = flv.FileHeader(f.has(true), f.has(false))
	if len(f.OnMetaData) > 0 {
		if b, err = appendTag(b, media.Frame{Type: media.TypeData, Data: f.OnMetaData}); err != nil {
			return nil, err
		}
	}
	for _, h := range f.headers(all) {
		h.Time = at.Time
		if b, err = appendTag(b, h); err != nil {
			return nil, err
		}
	}
	f.elsewhere()
	return b, nil
}

// send sends the tags from a place on, as many as fit into a read at once. It waits for
// write, which does not keep what it is given.
func (f *film) send(at media.Position, write func([]byte) error) error {
	var m memory
	defer m.giveBack(f.h.opts.Samples)
	for {
		m.pay(f.h.opts.Samples)
		err := f.sendBatch(&at, &m, write)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// memory is what a film is read to, and sent from.
type memory struct {
	batch media.Batch
	out   []byte
	paid  int64
}

// wholeMemory is what is read at once, and the tags of it.
const wholeMemory = readSize + tagsSize

const tagsSize = readSize + readSize/4

// pay makes the memory as large as there is room for.
func (m *memory) pay(from *budget.Budget) {
	if m.paid != 0 && m.paid != wholeMemory { // there was a large frame
		m.giveBack(from)
	}
	if m.paid == 0 && from.Take(wholeMemory) {
		m.paid, m.batch.Buf, m.out = wholeMemory, make([]byte, readSize), make([]byte, 0, tagsSize)
	}
	if m.paid == 0 && m.batch.Buf == nil {
		m.batch.Buf = make([]byte, minRead)
	}
}

// grown pays for a frame that is larger than that, however much there is.
func (m *memory) grown(by *budget.Budget) {
	if n := int64(cap(m.batch.Buf) + cap(m.out)); n > max(m.paid, 4*minRead) {
		by.Owe(n - m.paid)
		m.paid = n
	}
}

func (m *memory) giveBack(to *budget.Budget) {
	to.Give(m.paid)
	*m = memory{}
}

func (f *film) sendBatch(at *media.Position, m *memory, write func([]byte) error) error {
	err := f.inPlace(func() (err error) {
		*at, err = f.File.Read(f.Reader, *at, &m.batch)
		return err
	})
	if err != nil {
		return err
	}
	m.out = m.out[:0]
	for _, frame := range m.batch.Frames {
		for part := range f.parts(frame) {
			if m.out, err = appendTag(m.out, part); err != nil {
				return err
			}
		}
	}
	m.grown(f.h.opts.Samples)
	if len(m.out) == 0 {
		return nil
	}
	return write(m.out)
}

func appendTag(dst []byte, f media.Frame) ([]byte, error) {
	n := len(f.Head) + len(f.Data)
	if n > flv.MaxTagData {
		return dst, fmt.Errorf("%w: a frame of %d bytes, more than a tag can say", media.ErrInvalid, n)
	}
	dst = flv.AppendTagHeader(dst, f.Type, f.Time, n)
	return flv.AppendTagTrailer(append(append(dst, f.Head...), f.Data...), n), nil
}
