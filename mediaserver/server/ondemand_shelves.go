package server

import "flashpod.dev/flashpod/mediaserver/catalogue"

// shelves are the recordings of the instances that are loaded.
func (d *onDemand) shelves() (all []catalogue.Shelf) {
	for _, i := range d.loaded() {
		shelf := catalogue.Shelf{Application: d.application, Instance: i.Name(), Store: i.Store()}
		if d.rules.Keys != nil {
			shelf.Authorize = i.Authorize
		}
		all = append(all, shelf)
	}
	return all
}
