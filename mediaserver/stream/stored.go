package stream

import "flashpod.dev/flashpod/mediaserver/amf"

// storedData are data messages that new players get first, by handler name, in the order
// in which they came.
type storedData struct {
	list  []stored
	bytes int
}

// stored is a data message that new players get first.
type stored struct {
	key     string
	payload []byte
}

// store keeps a copy of a data message under a key, in place of what had it before, and
// says whether it did: what there is no room for is forwarded, but not kept.
func (d *storedData) store(key string, data []byte) bool {
	entry := stored{key: key, payload: append([]byte(nil), data...)}
	grows, at := len(entry.payload), -1
	for i, one := range d.list {
		if one.key == key {
			grows, at = grows-len(one.payload), i
		}
	}
	if d.bytes+grows > maxStoredBytes || at < 0 && len(d.list) == maxStoredData {
		return false
	}
	d.bytes += grows
	if at >= 0 {
		d.list[at] = entry
	} else {
		d.list = append(d.list, entry)
	}
	return true
}

// clear forgets what is stored under a key, and says whether there was any.
func (d *storedData) clear(key string) bool {
	for i, one := range d.list {
		if one.key == key {
			d.bytes -= len(one.payload)
			d.list = append(d.list[:i:i], d.list[i+1:]...)
			return true
		}
	}
	return false
}

// said is what a publisher says by a data message.
type said struct {
	handler string
	stores  bool   // for who comes later
	clears  bool   // what is stored, and says nothing else
	payload []byte // as players get it, without the command word; nil: they do not
}

// setData is the command word of data that is kept for new players.
const setData = "@setDataFrame"

// readData reads a data message of AMF0: what @setDataFrame sets, and @clearDataFrame
// clears; some encoders write either without the @.
func readData(data []byte) (m said) {
	word, rest, err := amf.Decode(data)
	if err != nil {
		return m // players could not read it either
	}
	switch word {
	case setData, "setDataFrame":
		handler, _, err := amf.Decode(rest)
		name, ok := handler.(string)
		if err != nil || !ok {
			return m
		}
		return said{handler: name, stores: true, payload: rest}
	case "@clearDataFrame", "clearDataFrame":
		handler, _, _ := amf.Decode(rest)
		m.handler, _ = handler.(string)
		m.clears = true
		return m
	case "onMetaData":
		// Some encoders leave the command word out and mean it all the same.
		return said{handler: "onMetaData", stores: true, payload: data}
	}
	return said{payload: data}
}
