//! Numbered places of which few may be taken: by page, so that a large number costs a page and no more, whoever
//! wrote it down.

/// Places of a page.
const PAGE: usize = 256;

/// A page, made when its first place is taken.
type Page<T> = Box<[Option<T>]>;

/// What stands in which place.
#[derive(Debug)]
pub(super) struct Places<T> {
    pages: Vec<Option<Page<T>>>,
    /// The first place that was never taken.
    next: usize,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self {
            pages: Vec::new(),
            next: 0,
        }
    }
}

impl<T> Places<T> {
    /// What stands in a place.
    pub(super) fn get(&self, place: usize) -> Option<&T> {
        let page = self.pages.get(place / PAGE)?.as_ref()?;
        page.get(place % PAGE)?.as_ref()
    }

    /// Puts something into a place.
    pub(super) fn put(&mut self, place: usize, value: T) {
        let page = place / PAGE;
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        if let Some(page) = self.pages.get_mut(page) {
            let page = page.get_or_insert_with(|| (0..PAGE).map(|_| None).collect());
            if let Some(entry) = page.get_mut(place % PAGE) {
                *entry = Some(value);
            }
        }
        self.next = self.next.max(place + 1);
    }

    /// Empties a place.
    pub(super) fn take(&mut self, place: usize) -> Option<T> {
        let page = self.pages.get_mut(place / PAGE)?.as_mut()?;
        page.get_mut(place % PAGE)?.take()
    }

    /// Empties the places of all that `which` picks.
    pub(super) fn take_all(&mut self, mut which: impl FnMut(&mut T) -> bool) -> Vec<T> {
        let entries = self
            .pages
            .iter_mut()
            .flatten()
            .flat_map(|page| page.iter_mut());
        entries
            .filter_map(|entry| entry.take_if(&mut which))
            .collect()
    }

    /// What stands in places from `first` on, in order.
    pub(super) fn from(&self, first: usize) -> impl Iterator<Item = (usize, &T)> {
        let pages = self.pages.iter().enumerate().skip(first / PAGE);
        let entries = pages.filter_map(|(number, page)| Some((number, page.as_ref()?)));
        entries
            .flat_map(|(number, page)| (number * PAGE..).zip(page.iter()))
            .skip_while(move |(place, _)| *place < first)
            .filter_map(|(place, entry)| Some((place, entry.as_ref()?)))
    }

    /// The first place that was never taken.
    pub(super) fn next(&self) -> usize {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_found_and_what_is_taken_is_gone() {
        let mut places = Places::default();
        for place in [0, 1, 255, 256, 4_194_303] {
            places.put(place, place);
        }
        assert_eq!(places.next(), 4_194_304);
        assert_eq!(places.get(256), Some(&256));
        assert_eq!((places.get(2), places.get(9_000_000)), (None, None));
        let from = |first| places.from(first).map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(from(0), [0, 1, 255, 256, 4_194_303]);
        assert_eq!(from(256), [256, 4_194_303]);
        assert_eq!(from(2), [255, 256, 4_194_303]);
        assert_eq!(from(4_194_304), [0_usize; 0]);
        assert_eq!(places.take(1), Some(1));
        assert_eq!(places.take(1), None);
        assert_eq!(places.take_all(|place| *place < 256), [0, 255]);
        assert_eq!(places.from(0).count(), 2);
        let made = places.pages.iter().flatten().count();
        assert_eq!(made, 3, "a page for what is near, and none between");
    }
}
