package recording

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

const (
	// journalDir is the folder of the journal. No stream has such a name.
	journalDir    = ".recording"
	markExtension = ".json"
	// maxMark is how long a mark may be, in bytes, and maxMarks how many are read:
	// more than recordings are ever written at once.
	maxMark  = 16 << 10
	maxMarks = 10000
	// An interruption is remembered for so long, and no more than so many are.
	interruptedFor = time.Hour
	maxInterrupted = 1000
)

// mark is one entry of the journal: a recording that is being written, or was
// when its publisher got lost. It is a file of its own below journalDir, there
// before the recording's first byte.
type mark struct {
	Stream string    `json:"stream"`         // the base of its name
	File   string    `json:"file"`           // where it will be
	Temp   string    `json:"temp,omitempty"` // where it is until something is in it
	Began  time.Time `json:"began"`
	// Interrupted is when it ended without its publisher's wish; zero: it has not
	// ended.
	Interrupted time.Time `json:"interrupted,omitzero"`

	live bool // a recorder of this process writes it
	over bool // its interruption matters no more; guarded by Store.mu
}

// path is where the mark lies. A file's name may be too long to have anything
// behind it. Each recording has a place of its own: one of the same file that was
// before is erased while the next one begins.
func (m *mark) path() string {
	sum := sha256.Sum256([]byte(m.File + " " + m.Began.UTC().Format(time.RFC3339Nano)))
	return journalDir + "/" + hex.EncodeToString(sum[:16]) + markExtension
}

// begin writes down that a recording begins. What was known of the stream's
// interruptions is over.
func (s *Store) begin(m *mark) error {
	m.live = true
	if err := s.write(m); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	s.mu.Lock()
	over := s.replaceMarks(m.Stream, m)
	s.mu.Unlock()
	s.erase(over)
	return nil
}

// replaceMarks puts a mark, if any, in place of those of a stream that are of no
// use any more, and returns these. The caller holds mu.
func (s *Store) replaceMarks(stream string, m *mark) (over []*mark) {
	var kept []*mark
	for _, old := range s.marks[stream] {
		switch {
		case m != nil && old.path() == m.path(): // the mark has its place, in the folder as well
		case s.torn[old.File] != nil: // it stays until its file is mended
			old.over = true
			kept = append(kept, old)
		case old.live:
			kept = append(kept, old)
		default:
			over = append(over, old)
		}
	}
	if m != nil {
		kept = append(kept, m)
	}
	s.setMarks(stream, kept)
	return over
}

// end writes down that a recording's file is finished: by its publisher's wish,
// or not.
func (s *Store) end(m *mark, interrupted bool) {
	if interrupted {
		s.interrupt(m, s.opts.Now())
		return
	}
	s.mu.Lock()
	s.setMarks(m.Stream, without(s.marks[m.Stream], m))
	over := s.replaceMarks(m.Stream, nil)
	s.mu.Unlock()
	s.erase(append(over, m))
}

// interrupt remembers that nothing is written any more since a time, and that
// the publisher may come back.
func (s *Store) interrupt(m *mark, since time.Time) {
	said := *m
	said.Temp, said.Interrupted, said.live = "", since, false
	if err := s.write(&said); err != nil {
		s.log.Warn("a recording's interruption is not written down", "file", m.File, "err", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setMarks(m.Stream, append(without(s.marks[m.Stream], m), &said))
}

// leave notes that nobody writes a recording any more, and that its file is not
// whole: it is mended as what a server before has left, here or by the next.
func (s *Store) leave(m *mark, temp string, interrupted bool) {
	now := s.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	m.live, m.Temp = false, temp
	if m.over = !interrupted; interrupted {
		m.Interrupted = now
	}
	if s.torn[m.File] == nil {
		s.torn[m.File] = &torn{mark: m, done: make(chan struct{})}
	}
}

// setMarks sets those of a stream. The caller holds mu.
func (s *Store) setMarks(stream string, all []*mark) {
	if len(all) == 0 {
		delete(s.marks, stream)
		return
	}
	s.marks[stream] = all
}

func without(all []*mark, m *mark) (rest []*mark) {
	for _, one := range all {
		if one != m {
			rest = append(rest, one)
		}
	}
	return rest
}

// write writes a mark: whole, or not at all. It need not outlive a power cut: a
// file that is not finished says so itself.
func (s *Store) write(m *mark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	for range 3 { // it goes with its last entry, perhaps at this moment
		if err = s.root.Mkdir(journalDir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err = s.root.WriteFile(m.path()+".new", b, 0o644); err == nil {
			return s.root.Rename(m.path()+".new", m.path())
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
}

func (s *Store) erase(marks []*mark) {
	for _, m := range marks {
		if err := s.root.Remove(m.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("journal of recordings", "file", m.File, "err", err)
		}
	}
	if len(marks) > 0 {
		_ = s.root.Remove(journalDir) // if it was the last
	}
}

// Interrupted says whether the last recording of a name ended without its
// publisher's wish (its server ended, or see [Recorder.MarkInterrupted]) and since
// when nothing has been written. It is remembered for an hour, over restarts,
// until the name is recorded again or Forget is called.
func (s *Store) Interrupted(name string) (since time.Time, ok bool) {
	_, base, _, err := s.split(name)
	if err != nil {
		return since, false
	}
	m := s.lastInterrupted(base)
	if m == nil {
		return since, false
	}
	return m.Interrupted, s.opts.Now().Sub(m.Interrupted) < interruptedFor
}

// lastInterrupted is the newest mark of a stream that ended without its publisher's wish;
// nil: there is none, or it is recorded.
func (s *Store) lastInterrupted(base string) (last *mark) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.marks[base] {
		if m.live {
			return nil
		}
		if !m.over && !m.Interrupted.IsZero() && (last == nil || m.Interrupted.After(last.Interrupted)) {
			last = m
		}
	}
	return last
}

// interruptedFile is the file of its own of a stream's last recording, where that ended
// without its publisher's wish; empty: there is none.
func (s *Store) interruptedFile(base string) string {
	m := s.lastInterrupted(base)
	if m == nil || m.File == base+extension || s.opts.Now().Sub(m.Interrupted) >= interruptedFor {
		return ""
	}
	return m.File
}

// Forget forgets that a name was interrupted: its publisher has come back, or
// is not waited for any more.
func (s *Store) Forget(name string) {
	_, base, _, err := s.split(name)
	if err != nil {
		return
	}
	s.mu.Lock()
	over := s.replaceMarks(base, nil)
	s.mu.Unlock()
	s.erase(over)
}

// readJournal reads what a server before wrote down. Recordings that it was
// writing are noted as torn: see mend.
func (s *Store) readJournal() error {
	if !s.root.has(journalDir) {
		return nil
	}
	dir, err := s.root.Open(journalDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxMarks)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	kept := 0
	for _, name := range names {
		if !strings.HasSuffix(name, markExtension) {
			continue
		}
		m, err := s.readMark(journalDir + "/" + name)
		if err != nil {
			s.log.Warn("journal of recordings", "entry", name, "err", err)
			continue
		}
		over := s.opts.Now().Sub(m.Interrupted) >= interruptedFor || kept == maxInterrupted
		switch {
		case m.Interrupted.IsZero():
			s.torn[m.File] = &torn{mark: m, done: make(chan struct{})}
			m.Interrupted = s.lastWritten(m)
		case over:
			s.erase([]*mark{m})
			continue
		default:
			kept++
		}
		s.marks[m.Stream] = append(s.marks[m.Stream], m)
	}
	return nil
}

// readMark reads an entry. It names files of ours, whoever wrote it.
func (s *Store) readMark(file string) (*mark, error) {
	f, err := s.openRegular(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMark))
	if err != nil {
		return nil, err
	}
	m := &mark{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w (the recording that it was of is mended when it is played)", err)
	}
	prefix, base, ending, err := s.split(m.Stream)
	switch {
	case err != nil:
		return nil, err
	case prefix != "" || ending != "" || base != m.Stream, !strings.HasPrefix(m.File, base), path.Dir(m.File) != path.Dir(base):
		return nil, fmt.Errorf("%.64q is no recording of %.64q", m.File, m.Stream)
	}
	if name, ok := nameOf(m.File); !ok || name+extension != m.File {
		return nil, fmt.Errorf("%.64q is no recording", m.File)
	}
	if m.Temp != "" && !isPartOf(m.Temp, m.File) {
		return nil, fmt.Errorf("%.64q is no part of %.64q", m.Temp, m.File)
	}
	if m.path() != file {
		return nil, fmt.Errorf("it is about %.64q, and lies in another's place", m.File)
	}
	return m, nil
}

// lastWritten is when the recording that a dead server left was written last.
func (s *Store) lastWritten(m *mark) time.Time {
	for _, file := range []string{m.File, m.Temp} {
		if file == "" {
			continue
		}
		if info, err := s.root.Lstat(file); err == nil && info.ModTime().After(m.Began.Add(-time.Second)) {
			return info.ModTime()
		}
	}
	return m.Began
}
