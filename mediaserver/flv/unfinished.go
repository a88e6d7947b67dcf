package flv

import "io"

// Unfinished says, from its front alone, whether a file of size bytes is one
// that Create or Append began and that was not finished: Repair would mend it.
func Unfinished(f io.ReaderAt, size int64) bool {
	meta, torn, err := front(f)
	if err != nil {
		return false
	}
	by, _ := meta.Get("creator")
	said, _ := meta.Get("filesize")
	return (by == creator || torn) && said != float64(size)
}
