package applications

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/charset"
)

// Configuration is what an Application.xml says, as far as this server has an
// equivalent [Flash Media Server, Configuration and Administration Guide].
type Configuration struct {
	// File is where it lies in the application's folder; "": there is none.
	File string
	// LoadOnStartup has the default instance start with the server.
	LoadOnStartup bool
	// MaxAppIdleTime is after what time an instance that nobody uses is unloaded; 0:
	// the file does not say.
	MaxAppIdleTime time.Duration
	// RuntimeSize is how much memory the script may have, in bytes, and MaxTimeOut how
	// long one of its calls may take; 0: the file does not say, or without bound.
	RuntimeSize int64
	MaxTimeOut  time.Duration
	// ScriptLibPath are the folders in which load looks last.
	ScriptLibPath []string
	// Streams and SharedObjects are where their folders of instances lie; "": below
	// the application's folder.
	Streams, SharedObjects string
	// Config is application.config; nil: there is none.
	Config *amf.Object
	// Others is what else the file asks for, as paths of elements, in its order; what
	// it sets to the default of that server is among it.
	Others []string
}

// What is read of a file.
const (
	maxSize   = 1 << 20 // bytes
	maxDepth  = 32      // elements in one another
	maxNodes  = 10_000  // elements
	maxOthers = 100
)

// node is an element with what is in it.
type node struct {
	name  string
	text  string
	inner []*node
}

// parse reads an Application.xml.
func parse(r io.Reader) (c Configuration, err error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return c, err
	}
	if len(data) > maxSize {
		return c, fmt.Errorf("more than %d bytes", maxSize)
	}
	root, err := tree(strings.NewReader(string(data)))
	if err != nil {
		return c, err
	}
	if !strings.EqualFold(root.name, "Application") {
		return c, fmt.Errorf("its element is %.64q: it should be Application", root.name)
	}
	for _, n := range root.inner {
		if err := c.take(n, n.name); err != nil {
			return c, err
		}
	}
	return c, nil
}

// tree reads elements, and leaves out attributes and comments.
func tree(r io.Reader) (*node, error) {
	d := xml.NewDecoder(r)
	d.CharsetReader = decoded
	top := &node{}
	open := []*node{top}
	for nodes := 0; ; {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		in := open[len(open)-1]
		switch t := t.(type) {
		case xml.StartElement:
			if nodes++; nodes > maxNodes || len(open) > maxDepth {
				return nil, fmt.Errorf("more than %d elements, or %d in one another", maxNodes, maxDepth)
			}
			n := &node{name: t.Name.Local}
			in.inner = append(in.inner, n)
			open = append(open, n)
		case xml.EndElement:
			in.text = strings.TrimSpace(in.text)
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 1 {
				in.text += string(t)
			}
		}
	}
	if len(top.inner) == 0 {
		return nil, errors.New("there is no element in it")
	}
	return top.inner[0], nil
}

// decoded reads the encodings that such files have.
func decoded(label string, r io.Reader) (io.Reader, error) {
	set, ok := charset.Named(label)
	switch {
	case !ok, set == charset.UTF16LE, set == charset.UTF16BE:
		return nil, fmt.Errorf("encoding %.32q is not read: save it as UTF-8", label)
	case set == charset.UTF8:
		return r, nil
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return strings.NewReader(set.Decode(data)), nil
}

// take takes what an element says, or what the elements in it do.
func (c *Configuration) take(n *node, path string) error {
	say := func(err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	var err error
	switch strings.ToLower(path) {
	case "loadonstartup":
		c.LoadOnStartup, err = n.boolean()
	case "maxappidletime":
		c.MaxAppIdleTime, err = n.seconds()
	case "jsengine/runtimesize":
		var kb int64
		if kb, err = n.number(); err == nil && kb > 0 {
			c.RuntimeSize = min(kb, 1<<31) * 1024
		}
	case "jsengine/maxtimeout":
		c.MaxTimeOut, err = n.seconds()
	case "jsengine/scriptlibpath":
		for _, part := range strings.Split(n.text, ";") {
			if part = strings.TrimSpace(part); part != "" {
				c.ScriptLibPath = append(c.ScriptLibPath, part)
			}
		}
	case "jsengine/applicationobject/config", "jsengine/config", "applicationobject/config":
		c.Config = n.object()
	case "streammanager/storagedir":
		c.Streams = n.text
	case "sharedobjmanager/storagedir":
		c.SharedObjects = n.text
	default:
		if len(n.inner) == 0 {
			c.other(path)
			return nil
		}
		for _, in := range n.inner {
			if err := c.take(in, path+"/"+in.name); err != nil {
				return err
			}
		}
	}
	return say(err)
}

func (c *Configuration) other(path string) {
	if len(c.Others) < maxOthers && !slices.Contains(c.Others, path) {
		c.Others = append(c.Others, path)
	}
}

func (n *node) boolean() (bool, error) {
	switch strings.ToLower(n.text) {
	case "", "false", "no", "0":
		return false, nil
	case "true", "yes", "1":
		return true, nil
	}
	return false, fmt.Errorf("%.64q is neither true nor false", n.text)
}

func (n *node) number() (int64, error) {
	if n.text == "" {
		return 0, nil
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.64q is not a number", n.text)
	}
	return i, nil
}

// seconds is a time; 0 where none is said, or none is meant (-1).
func (n *node) seconds() (time.Duration, error) {
	i, err := n.number()
	if err != nil || i <= 0 {
		return 0, err
	}
	return time.Duration(min(i, 1<<31)) * time.Second, nil
}

// object is what a script finds of elements: text, or objects of those inside.
func (n *node) object() *amf.Object {
	o := amf.NewObject()
	for _, in := range n.inner {
		if len(in.inner) > 0 {
			o.Set(in.name, in.object())
			continue
		}
		o.Set(in.name, in.text)
	}
	return o
}
