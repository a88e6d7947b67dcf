package flv

import "io"

// StreamWriter writes FLV to what cannot be written twice: a pipe, a network.
// There is no index, and metadata is what the stream itself has.
type StreamWriter struct {
	w   io.Writer
	buf []byte
}

// NewStreamWriter begins with the file header.
func NewStreamWriter(w io.Writer) (*StreamWriter, error) {
	if _, err := w.Write(fileHeader); err != nil {
		return nil, err
	}
	return &StreamWriter{w: w}, nil
}

// Write writes a tag, at once.
func (s *StreamWriter) Write(t Tag) error {
	b, err := AppendTag(s.buf[:0], t)
	if err != nil {
		return err
	}
	s.buf = b
	_, err = s.w.Write(b)
	return err
}
