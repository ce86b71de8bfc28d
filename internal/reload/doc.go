// Package reload holds values loaded from files, mainly certificates, and loads them again when the
// files change. It has no background task: the files are checked when a value is read, at most once
// a second. If the changed files cannot be used, the value stays as it is. A file that is not
// regular is read once, at the start. Node and conductor share this package.
package reload
