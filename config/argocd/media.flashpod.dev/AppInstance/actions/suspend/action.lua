-- Stops the server. Address, key and recordings stay.
obj.spec.suspend = true
return obj
