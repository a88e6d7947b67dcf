package command

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// sink is where a stream that is played goes: an FLV file, a pipe, or nowhere.
// It is used by the connection's goroutine until the connection is closed.
type sink struct {
	path   string // "-": stdout; "": nowhere
	stdout io.Writer

	f      *os.File
	file   *flv.Writer       // of a file
	stream *flv.StreamWriter // of what cannot be written twice

	flushed time.Time // when file last was

	media    int
	start    time.Duration   // where in a recorded stream it was asked to begin
	base     media.Timestamp // of the first audio or video
	recorded bool            // the server says so
	length   time.Duration   // of the whole of it, as its metadata says
	err      error
}

// forPlayer says whether a data message speaks to a player about its playback,
// and is no part of the stream.
func forPlayer(m *rtmp.Message) bool {
	if m.Type != rtmp.TypeData {
		return false
	}
	handler, _, err := amf.Decode(m.Payload)
	return err != nil || handler == "onStatus" || handler == "onPlayStatus" || handler == "|RtmpSampleAccess"
}

// hears takes such a message: NetStream.Data.Start tells that a recorded stream
// begins.
func (s *sink) hears(m *rtmp.Message) {
	if values, err := amf.DecodeAll(m.Payload); err == nil && len(values) > 1 && values[0] == "onStatus" {
		if o, ok := values[1].(*amf.Object); ok {
			code, _ := o.Get("code")
			s.recorded = s.recorded || code == "NetStream.Data.Start"
		}
	}
}

// clock turns timestamps into times from the first picture or sound on.
func (s *sink) clock(m *rtmp.Message) time.Duration {
	if m.Type == rtmp.TypeData && s.media == 0 {
		s.describe(m.Payload)
		return 0
	}
	if s.media == 0 {
		s.base = m.Timestamp
	}
	return max(0, m.Timestamp.Sub(s.base))
}

// describe learns from onMetaData how long it is.
func (s *sink) describe(payload []byte) {
	values, err := amf.DecodeAll(payload)
	if err != nil || len(values) < 2 || values[0] != "onMetaData" {
		return
	}
	if o, ok := values[1].(interface {
		Get(string) (amf.Value, bool)
	}); ok {
		seconds, _ := o.Get("duration")
		if n, ok := seconds.(float64); ok && n > 0 && n < 1e6 {
			s.length = time.Duration(n * float64(time.Second))
		}
	}
}

// left is how much a recorded stream has from its start on; 0 when nobody knows.
// Timestamps of most servers count from there; those of some are the file's.
func (s *sink) left() time.Duration {
	if !s.recorded {
		return 0
	}
	return max(0, s.length-max(s.start, s.base.Duration()))
}

// write opens what is written to when the first message comes: a file that is
// there already is not lost to a stream that is not.
func (s *sink) write(m *rtmp.Message, at media.Timestamp) error {
	if m.Type != rtmp.TypeData {
		s.media++
	}
	if s.err != nil || s.path == "" {
		return s.err
	}
	if s.file == nil && s.stream == nil {
		if s.err = s.open(); s.err != nil {
			return s.err
		}
	}
	t := flv.Tag{Type: uint8(m.Type), Timestamp: at, Data: m.Payload}
	switch {
	case s.stream != nil:
		s.err = s.stream.Write(t)
	case m.Type == rtmp.TypeData && s.file.SetMeta(m.Payload): // written at the end
	default:
		s.err = s.file.Write(t)
		if s.err == nil && (s.file.Buffered() > 256<<10 || time.Since(s.flushed) > time.Second) {
			s.flushed = time.Now()
			s.err = s.file.Flush()
		}
	}
	return s.err
}

func (s *sink) open() (err error) {
	if s.path == "-" {
		s.stream, err = flv.NewStreamWriter(s.stdout)
		return err
	}
	if s.f, err = os.Create(s.path); err != nil {
		return err
	}
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		s.file, err = flv.Create(s.f)
	} else {
		s.stream, err = flv.NewStreamWriter(s.f)
	}
	return err
}

// close finishes the file. An error of write was told already.
func (s *sink) close() error {
	if s.f == nil {
		return nil
	}
	var err error
	if s.file != nil && s.err == nil {
		err = s.file.Finish()
	}
	return errors.Join(err, s.f.Close())
}

func withoutQuery(stream string) string {
	name, _, _ := strings.Cut(stream, "?")
	return name
}
