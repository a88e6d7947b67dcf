package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
)

// ErrCostly says that a file is not played because its index would take too much
// memory or time.
var ErrCostly = errors.New("file costs too much to read")

// reading is an index that is being read, once for all who ask for the file
// meanwhile. It ends when the last of them has gone.
type reading struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the rest is set

	// Guarded by Store.mu.
	asked int  // how many wait
	over  bool // o or err is set

	o   *opened // used by each who waits
	err error
}

// refusal is a file that is not played, and is refused at once as long as it is
// the same.
type refusal struct {
	info fs.FileInfo
	err  error
	at   time.Time
}

// holds says whether the refusal is of this file. What costs too much costs no
// less when it has grown; it is tried again now and then, because another file
// may have taken its place.
func (r *refusal) holds(info fs.FileInfo) bool {
	if r == nil {
		return false
	}
	if errors.Is(r.err, ErrCostly) && os.SameFile(r.info, info) && info.Size() >= r.info.Size() && time.Since(r.at) < tryAgain {
		return true
	}
	return r.info.Size() == info.Size() && r.info.ModTime().Equal(info.ModTime())
}

const tryAgain = time.Minute

// use opens a file of which the info is known, or a newer one in its place, for a
// caller that releases it.
func (s *Store) use(ctx context.Context, file string, info fs.FileInfo) (*opened, error) {
	o, old, err := s.join(ctx, file, info)
	if old { // it began before the caller asked
		o.release()
		o, _, err = s.join(ctx, file, info)
	}
	return o, err
}

// join takes a file that is opened already, or waits for its index: old says that
// it is one of the file as it was before.
func (s *Store) join(ctx context.Context, file string, info fs.FileInfo) (o *opened, old bool, err error) {
	s.mu.Lock()
	if o, ok := s.opened[file]; ok && o.describes(info) {
		o.uses++
		s.mu.Unlock()
		return o, false, nil
	}
	if r := s.refused[file]; r.holds(info) {
		s.mu.Unlock()
		return nil, false, r.err
	}
	r := s.reading[file]
	begins := r == nil
	if begins {
		if s.closed {
			s.mu.Unlock()
			return nil, false, ErrClosed
		}
		r = &reading{done: make(chan struct{})}
		r.ctx, r.cancel = context.WithCancelCause(context.Background())
		s.reading[file] = r
		go s.read(file, r)
	}
	r.asked++
	s.mu.Unlock()
	if err := r.wait(ctx, begins); err != nil {
		s.leaves(file, r)
		return nil, false, err
	}
	if r.err != nil {
		return nil, false, r.err
	}
	return r.o, r.o.size < info.Size() || r.o.modified.Before(info.ModTime()), nil
}

// wait waits until the file is read. The question that began it counts as long as
// that takes; those that only want the same count for nothing.
func (r *reading) wait(ctx context.Context, begins bool) error {
	if !begins {
		return budget.Await(ctx, r.done)
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leaves is for a caller that does not wait any more.
func (s *Store) leaves(file string, r *reading) {
	s.mu.Lock()
	r.asked--
	over, last := r.over, r.asked == 0
	if last && !over && s.reading[file] == r {
		delete(s.reading, file) // who asks from now on begins anew
	}
	s.mu.Unlock()
	switch {
	case over && r.o != nil:
		r.o.release()
	case last:
		r.cancel(errLeft)
	}
}

var errLeft = errors.New("nobody waits for the file any more")

// read opens a file and reads its index, for all who wait for that.
func (s *Store) read(file string, r *reading) {
	defer r.cancel(nil)
	f, info, x, err := s.readFile(r.ctx, file)
	s.mu.Lock()
	r.over = true
	if s.reading[file] == r {
		delete(s.reading, file)
	}
	if err != nil {
		r.err = fmt.Errorf("read recording %s: %w", file, err)
		if errors.Is(err, media.ErrInvalid) || errors.Is(err, ErrCostly) {
			s.refuse(file, &refusal{info, r.err, time.Now()})
		}
	} else {
		s.keepIndex(file, x)
		if r.asked > 0 {
			r.o = &opened{indexed: x, f: f, store: s, name: file, uses: r.asked}
			s.opened[file] = r.o // in place of one whose players see the file as it was
			f = nil
		} else {
			s.dropped(x)
		}
	}
	s.mu.Unlock()
	close(r.done)
	if f != nil {
		s.closePlayed(f)
	}
}

// refuse remembers a file that is not played. The caller holds mu.
func (s *Store) refuse(file string, r *refusal) {
	const maxRefused = 1000
	if len(s.refused) >= maxRefused {
		clear(s.refused)
	}
	s.refused[file] = r
}

// readFile opens a file, and takes what is known of it from memory or reads it.
// The caller closes the file, and drops the index.
func (s *Store) readFile(ctx context.Context, file string) (f *os.File, info fs.FileInfo, x *indexed, err error) {
	if f, err = s.openPlayed(file); err != nil {
		return nil, nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		return f, nil, nil, err
	}
	was := s.known(file)
	if was != nil {
		if was.describes(info) {
			return f, info, was, nil
		}
		defer s.drop(was)
	}
	m := newMeter(ctx, s)
	defer m.leave()
	if err := m.enter(); err != nil {
		return f, info, nil, err
	}
	if x, err = readIndex(file, metered{f, m}, info, was, m); err != nil {
		m.giveBack()
		return f, info, nil, err
	}
	return f, info, x, nil
}

// known is the newest that is known of a file, for a caller that drops it; nil
// when there is nothing.
func (s *Store) known(file string) *indexed {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.indexes[file]
	if o := s.opened[file]; o != nil && (x == nil || x.modified.Before(o.modified)) {
		x = o.indexed
	}
	if x != nil {
		x.uses++
	}
	return x
}

func (s *Store) drop(x *indexed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped(x)
}

// dropped is for one that has no use for an index any more. The caller holds mu.
func (s *Store) dropped(x *indexed) {
	if x.uses--; x.uses == 0 {
		s.opts.Indexes.Give(x.memory)
	}
}

// index returns what is known of a file that is open.
func (s *Store) index(file string, f *os.File) (*indexed, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	o, err := s.use(context.Background(), file, info)
	if err != nil {
		return nil, err
	}
	defer o.release()
	return o.indexed, nil
}

// keepIndex remembers what is known of a file, as far as there is memory for it.
// The caller holds mu.
func (s *Store) keepIndex(file string, x *indexed) {
	const maxIndexes = 1000
	if s.indexes[file] == x {
		return
	}
	s.dropIndex(file)
	if x.memory > s.opts.IndexMemory {
		return
	}
	if b := s.opts.Indexes; b != nil && b.Used() > b.Max()/2 {
		return // what is used comes first
	}
	if len(s.indexes) >= maxIndexes || s.indexBytes+x.memory > s.opts.IndexMemory {
		s.dropIndexes() // better than none, and simpler than the best
	}
	s.indexes[file] = x
	s.indexBytes += x.memory
	x.uses++
}

// dropIndexes forgets all indexes that nobody uses. The caller holds mu.
func (s *Store) dropIndexes() {
	for file := range s.indexes {
		s.dropIndex(file)
	}
}

// dropIndex forgets what is known of a file. The caller holds mu.
func (s *Store) dropIndex(file string) {
	if x, ok := s.indexes[file]; ok {
		delete(s.indexes, file)
		s.indexBytes -= x.memory
		s.dropped(x)
	}
	delete(s.refused, file)
}

// indexBase is about what an index takes beside what is in it.
const indexBase = 1 << 10

// maxMeta is how much a file may say of itself, in bytes: every player gets it.
const maxMeta = 128 << 10

// readIndex reads what there is to know of a file, which the meter pays for. What
// is known of the file as it was helps, where it is not nil.
func readIndex(file string, r io.ReaderAt, info fs.FileInfo, was *indexed, m *meter) (*indexed, error) {
	x, err := newIndexed(file, r, info, was, m)
	if err != nil {
		return nil, err
	}
	if err := m.Spend(x.memory - m.spent); err != nil {
		return nil, err
	}
	return x, nil
}

func newIndexed(file string, r io.ReaderAt, info fs.FileInfo, was *indexed, meter media.Meter) (*indexed, error) {
	m, err := openMedia(file, r, info, was, meter)
	if err != nil {
		return nil, err
	}
	x := &indexed{file: m, size: info.Size(), modified: info.ModTime(), info: info, uses: 1}
	x.rate = float64(info.Size()) / float64(max(m.Duration().Milliseconds(), 1))
	meta := m.Meta()
	if meta == nil {
		meta = durationOf(m)
	}
	if x.meta, err = onMetaData(meta); err == nil && len(x.meta) > maxMeta {
		x.meta, err = onMetaData(durationOf(m))
	}
	if err != nil {
		return nil, err
	}
	x.memory = m.Memory() + int64(cap(x.meta)) + indexBase
	return x, nil
}

// openMedia reads a file or, where it has only become longer, what came behind.
func openMedia(file string, r io.ReaderAt, info fs.FileInfo, was *indexed, meter media.Meter) (media.File, error) {
	if was != nil && os.SameFile(was.info, info) {
		if old, ok := was.file.(*flv.File); ok {
			if m, ok, err := old.Grown(r, info.Size(), meter); ok || err != nil {
				return m, err
			}
		}
	}
	return formatOf(file).open(r, info.Size(), meter)
}

func durationOf(m media.File) *amf.ECMAArray {
	return amf.NewECMAArray("duration", float64(m.Duration().Milliseconds())/1000)
}

func onMetaData(meta *amf.ECMAArray) ([]byte, error) {
	b, err := amf.Append(nil, "onMetaData")
	if err != nil {
		return nil, err
	}
	return amf.Append(b, meta)
}
