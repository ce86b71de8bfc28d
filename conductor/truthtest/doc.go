// Package truthtest proves that the ring view is true, or says that it is not sure. It runs rings of members in virtual
// time and over real OTLP, through churn, crashes and cuts, and spoils what they tell on its way: outages, batches lost,
// doubled and late, a conductor that starts anew. All the while it compares every field of the view with the members'
// own memory. A field may differ if what it shows was true a staleness bound ago at most, or if its member is marked
// uncertain. Once all is quiet nothing may differ at all.
//
// It holds nothing but tests.
package truthtest
