package script

import "flashpod.dev/flashpod/mediaserver/sharedobject"

// ObjectKey names a shared object of the instance: persistent and transient ones are
// two worlds.
type ObjectKey struct {
	Name       string
	Persistent bool
}

// SharedObjects is what the class SharedObject asks of its instance, which does it in
// the order in which it is asked.
type SharedObjects interface {
	// OpenSharedObject has the script use an object, which is made if it is not there,
	// until CloseSharedObject, or Lost. hear is told what clients do to it, as it is
	// done and in the owner's turn; it does not wait. opened is called once, with why
	// there is no such object, or "". It may be opened again, to be heard by another. An
	// object with a far end is kept by another server: nothing of it is written here.
	OpenSharedObject(key ObjectKey, far FarObject, hear func(ObjectNews), opened func(refused string))
	// UseSharedObject has f called with an object that is open, in the owner's turn,
	// or failed with why it is not.
	UseSharedObject(key ObjectKey, f func(OpenObject), failed func(why string))
	// CloseSharedObject ends the script's use of an object, and its locks.
	CloseSharedObject(key ObjectKey)
	// ClearSharedObjects empties all objects for whose names match says so, which is
	// called from any goroutine; those on the disk alone go, one after another. While it
	// does so, of another question only those in memory are emptied.
	ClearSharedObjects(match func(name string) bool)
}

// FarObject is the far end of an object that another server keeps, in the owner's turn.
type FarObject interface {
	// Owes is how many slots that are gone here the server has not heard of yet, and the
	// bytes of their names: they count as if they were there.
	Owes() (slots, bytes int)
	// Keeper is which instance the server is ("": it has not said), and whether it has let
	// the object be used. That instance may not use the object here.
	Keeper() (id string, used bool)
}

// OpenObject is a shared object in the owner's turn. It does not wait, and is not used
// after that turn.
type OpenObject interface {
	Version() uint32
	Len() int
	Names() []string
	Get(name string) (v sharedobject.Value, ok bool)
	// Set, Delete, Clear and Send fail where a limit is in the way, or the disk.
	Set(name string, v sharedobject.Value) error
	Delete(name string) error
	Clear() error
	Send(call sharedobject.Value) error // the handler's name, and the arguments
	Lock()
	Unlock() (left int)
	SetResyncDepth(versions uint32) // 0: any number
	Purge(version uint32)
	// Expel ends the use of it by clients that say they are an instance.
	Expel(instance string)
	// UsedBy says whether a client uses it that says it is an instance.
	UsedBy(instance string) bool
	// Dirty says whether the file has less than the object.
	Dirty() bool
}

// NewsKind is what a client has done to a shared object.
type NewsKind int

// What clients do.
const (
	ObjectChanged NewsKind = iota // a slot
	ObjectDeleted                 // a slot
	ObjectCleared
	ObjectSent
	objectAccepted // what the script itself has asked of another server, of a slot
	objectRejected
)

// ObjectNews is what a client has done to a shared object.
type ObjectNews struct {
	Kind NewsKind
	Name string // of the slot
	// Old is what the slot was before; without bytes: there was none.
	Old sharedobject.Value
	// Call is the handler's name, and the arguments, that were sent.
	Call sharedobject.Value
}
