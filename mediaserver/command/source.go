package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/mp3"
	"flashpod.dev/flashpod/mediaserver/mp4"
)

// formats are the files that can be published, told apart by how they begin.
var formats = []struct {
	name string
	is   func(head []byte) bool
	open func(r io.ReaderAt, size int64) (media.File, error)
}{
	{"FLV", func(head []byte) bool { return string(head[:3]) == "FLV" },
		func(r io.ReaderAt, size int64) (media.File, error) { return flv.Open(r, size) }},
	{"MP4, F4V, MOV", isMP4,
		func(r io.ReaderAt, size int64) (media.File, error) { return mp4.Open(r, size) }},
	{"MP3", func(head []byte) bool { return string(head[:3]) == "ID3" || head[0] == 0xff && head[1]&0xe0 == 0xe0 },
		func(r io.ReaderAt, size int64) (media.File, error) { return mp3.Open(r, size) }},
}

// isMP4 looks at the type of the first box. Old QuickTime files have no ftyp.
func isMP4(head []byte) bool {
	switch string(head[4:8]) {
	case "ftyp", "moov", "mdat", "free", "skip", "wide":
		return true
	}
	return false
}

// source is what is published. next returns io.EOF at the end; the frame is
// valid until the next call. Times begin with 0, and are modulo 2^32.
type source interface {
	next() (media.Frame, error)
	duration() time.Duration // 0: nobody knows
	close()
}

// openSource opens a file from the keyframe at or before start on or, called
// "-", an FLV stream from in.
func openSource(path string, start time.Duration, loop bool, in io.Reader) (source, error) {
	if path == "-" {
		if start > 0 || loop {
			return nil, usage(errors.New("--start and --loop need a file: standard input cannot be read twice"))
		}
		r, err := flv.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return &pipeSource{r: r}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := newFileSource(f, start, loop)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// pipeSource is an FLV stream.
type pipeSource struct {
	r     *flv.Reader
	begun bool
	base  media.Timestamp
}

func (s *pipeSource) next() (media.Frame, error) {
	t, err := s.r.Next()
	if err != nil {
		return media.Frame{}, err
	}
	if !s.begun && t.Type != flv.TypeScript {
		s.begun, s.base = true, t.Timestamp
	}
	return media.Frame{Type: t.Type, Time: max(t.Timestamp, s.base) - s.base, Data: t.Data}, nil
}

func (s *pipeSource) duration() time.Duration { return 0 }
func (s *pipeSource) close()                  {}

// fileSource is a file from a place on, once or again and again.
type fileSource struct {
	f     *os.File
	file  media.File
	first media.Position
	loop  bool

	at    media.Position
	batch *media.Batch
	i     int           // of the batch's frames, which is next
	ahead []media.Frame // goes before them: metadata and sequence headers

	offset media.Timestamp // added to the file's times
	last   media.Timestamp // latest so far
	video  media.Timestamp // of the last picture
	step   time.Duration   // between the last two
	sent   bool            // a frame of this round
}

const readSize = 256 << 10 // bytes of a file at a time

func newFileSource(f *os.File, start time.Duration, loop bool) (*fileSource, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("is a folder")
	}
	file, err := openMedia(f, info.Size())
	if err != nil {
		return nil, err
	}
	if length := file.Duration(); start > length {
		return nil, usage(fmt.Errorf("--start %v: it ends after %v", start, length))
	}
	s := &fileSource{f: f, file: file, loop: loop, first: file.Seek(media.TimestampAt(start)), batch: media.NewBatch(readSize)}
	s.at = s.first
	meta, err := s.metadata()
	if err != nil {
		return nil, err
	}
	headers, err := file.Headers(f, s.first)
	if err != nil {
		return nil, err
	}
	for i := range headers {
		headers[i].Time = s.first.Time
	}
	s.ahead = append(meta, headers...)
	s.offset = -s.first.Time
	return s, nil
}

// openMedia finds the format of a file.
func openMedia(r io.ReaderAt, size int64) (media.File, error) {
	head := make([]byte, 16)
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var names []string
	for _, one := range formats {
		if one.is(head) {
			return one.open(r, size)
		}
		names = append(names, one.name)
	}
	return nil, fmt.Errorf("is no file that can be published, which are: %s", strings.Join(names, ", "))
}

// metadata is onMetaData as a frame, none when the file has nothing to say.
func (s *fileSource) metadata() ([]media.Frame, error) {
	meta := s.file.Meta()
	if meta == nil {
		return nil, nil
	}
	data, err := amf.Append(nil, "onMetaData")
	if err == nil {
		data, err = amf.Append(data, meta)
	}
	if err != nil {
		return nil, err
	}
	return []media.Frame{{Type: media.TypeData, Time: s.first.Time, Data: data}}, nil
}

func (s *fileSource) next() (media.Frame, error) {
	if len(s.ahead) > 0 {
		f := s.ahead[0]
		s.ahead = s.ahead[1:]
		f.Time += s.offset
		return f, nil
	}
	for s.i == len(s.batch.Frames) {
		at, err := s.file.Read(s.f, s.at, s.batch)
		if errors.Is(err, io.EOF) && s.loop && s.sent {
			s.again()
			continue
		}
		if err != nil {
			return media.Frame{}, err
		}
		s.at, s.i = at, 0
	}
	f := s.batch.Frames[s.i]
	s.i++
	s.sent = true
	// What is interleaved may lie a little before the keyframe. A channel that
	// goes on for 49 days begins its 32 bits anew: times are only compared with
	// those that are near.
	f.Time = max(f.Time, s.first.Time) + s.offset
	if f.Type == media.TypeVideo && f.Time.After(s.video) {
		s.step, s.video = f.Time.Sub(s.video), f.Time
	}
	if f.Time.After(s.last) {
		s.last = f.Time
	}
	return f, nil
}

// again goes back to the place where it began; times go on, one picture later.
func (s *fileSource) again() {
	s.batch.Reset()
	s.at, s.i, s.sent = s.first, 0, false
	next := s.last.Add(time.Millisecond)
	if picture := s.video.Add(s.step); picture.After(next) {
		next = picture
	}
	s.offset = next - s.first.Time
}

func (s *fileSource) duration() time.Duration {
	if s.loop {
		return 0
	}
	return max(0, s.file.Duration()-s.first.Time.Duration())
}

func (s *fileSource) close() { s.f.Close() }
