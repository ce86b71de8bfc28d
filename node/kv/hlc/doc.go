// Package hlc is the hybrid logical clock of a host, which assigns the versions of records: physical time as far as
// possible, and always growing. It imports nothing of the module.
package hlc
