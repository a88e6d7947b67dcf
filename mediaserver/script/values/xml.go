package values

import (
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

func (in *arrival) xml(text string) (engine.Data, error) {
	if err := in.charge(len(text)); err != nil {
		return nil, err
	}
	return in.v.XML.Parse(text)
}

func (d *departure) xml(o *engine.Object) (amf.Value, error) {
	text, err := d.v.XML.Text(o)
	if err != nil {
		return nil, err
	}
	return amf.XML(text), nil
}
