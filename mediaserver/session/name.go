package session

import (
	"errors"
	"net/url"
	"strings"
	"unicode"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
)

const (
	maxAppLength  = 512 // bytes of app, query included
	maxNameLength = 512 // bytes of a stream name, query included
)

// target is what the app argument of connect names.
type target struct {
	apppath.Path
	query url.Values
	far   string // see ConnectRequest.Far
}

// parseApp splits "application/instance?query". Encoders put the query here,
// into tcUrl, or behind the stream name.
func parseApp(app string) (target, error) {
	if len(app) > maxAppLength {
		return target{}, errors.New("app is longer than 512 bytes")
	}
	if inner, ok := explicit(app); ok {
		return parseFar(inner)
	}
	before, query := splitQuery(app)
	path, ok := apppath.Parse(before)
	if !ok {
		return target{}, errors.New("no application named: connect to rtmp://host/application/instance")
	}
	return target{path, query, ""}, nil
}

// parseName splits a stream name as publishers give it, "name?key=…".
func parseName(raw string) (name string, query url.Values, err error) {
	if len(raw) > maxNameLength {
		return "", nil, errors.New("stream name is longer than 512 bytes")
	}
	name, query = splitQuery(raw)
	name = strings.Trim(name, "/")
	if name == "" {
		return "", nil, errors.New("stream name is empty")
	}
	if strings.ContainsFunc(name, controls) {
		return "", nil, errControls
	}
	return name, query, nil
}

var errControls = errors.New("stream name has control characters")

// controls says whether a character is in no stream's name: those that control a
// terminal, and what is no character at all.
func controls(r rune) bool { return r < ' ' || r == unicode.MaxASCII || r == '\uFFFD' }

// parseNewName is parseName for a name that is given by its publisher. Files that
// others have named play, whatever is in their names.
func parseNewName(raw string) (name string, query url.Values, err error) {
	if name, query, err = parseName(raw); err == nil && strings.ContainsFunc(name, misleads) {
		return "", nil, errControls
	}
	return name, query, err
}

// NewName is the name that a path gives to a stream which is to be published, or why it
// is none: as in publish, slashes around it are no part of it.
func NewName(raw string) (string, error) {
	if strings.ContainsRune(raw, '?') {
		return "", errors.New("stream name has a question mark")
	}
	name, _, err := parseNewName(raw)
	return name, err
}

// misleads says whether a character does something to who reads it: those that
// control a terminal, of the second block, those that turn the direction of what
// follows, and those that begin a line.
func misleads(r rune) bool {
	return r > unicode.MaxASCII && unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

func splitQuery(s string) (string, url.Values) {
	path, raw, _ := strings.Cut(s, "?")
	if raw == "" {
		return path, nil // it is kept as long as the client is there
	}
	// What cannot be parsed is dropped; what can be, counts.
	query, _ := url.ParseQuery(raw)
	return path, query
}
