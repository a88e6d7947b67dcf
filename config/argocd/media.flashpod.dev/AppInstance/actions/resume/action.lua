-- Starts the server again.
obj.spec.suspend = false
return obj
