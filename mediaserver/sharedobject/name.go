package sharedobject

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrBadName says that no shared object may be called so.
var ErrBadName = errors.New("bad name of a shared object")

const (
	maxName  = 512 // bytes
	maxPart  = 200 // bytes of what is between two slashes: with an ending, file systems take 255
	maxDepth = 8   // folders in a name
	// maxSlotName bounds the name of a slot, in bytes.
	maxSlotName = 1024
)

// forbidden are the characters that ActionScript's reference forbids in a name.
const forbidden = "~%&\\;:\"',<>?# "

// CheckName says why no object may have a name; nil: one may. Names may have
// parts, with slashes between them.
func CheckName(name string) error {
	bad := func(why string) error { return fmt.Errorf("%w: %.64q %s", ErrBadName, name, why) }
	switch {
	case name == "":
		return bad("is empty")
	case len(name) > maxName:
		return bad(fmt.Sprintf("is longer than %d bytes", maxName))
	case !utf8.ValidString(name):
		return bad("is no UTF-8")
	case strings.ContainsAny(name, forbidden):
		return bad("has a character that is not for names: ~ % & \\ ; : \" ' , < > ? # or a space")
	case strings.ContainsFunc(name, unprintable):
		return bad("has characters that are not for files")
	case strings.Count(name, "/") > maxDepth:
		return bad(fmt.Sprintf("has more than %d folders", maxDepth))
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "":
			return bad("has an empty part: no slash stands at an end, or beside another")
		case len(part) > maxPart:
			return bad(fmt.Sprintf("has a part that is longer than %d bytes", maxPart))
		case strings.HasPrefix(part, ".") || strings.HasSuffix(part, "."):
			return bad("has a part that begins or ends with a dot")
		}
	}
	return nil
}

// unprintable are characters that control something, and those that turn the
// direction of what is read.
func unprintable(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp) || r == utf8.RuneError
}
