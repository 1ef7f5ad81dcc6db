//! Numbered places of which few may be taken: by page, so that a large number costs a page and no more, whoever
//! wrote it down.

/// Places of a page.
const PAGE: usize = 256;

/// A page, made when its first place is taken, and given back with the last that stands in it.
#[derive(Debug)]
struct Page<T> {
    entries: Box<[Option<T>]>,
    taken: usize,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            entries: (0..PAGE).map(|_| None).collect(),
            taken: 0,
        }
    }
}

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
        page.entries.get(place % PAGE)?.as_ref()
    }

    /// Puts something into a place.
    pub(super) fn put(&mut self, place: usize, value: T) {
        let page = place / PAGE;
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        if let Some(page) = self.pages.get_mut(page) {
            let page = page.get_or_insert_default();
            if let Some(entry) = page.entries.get_mut(place % PAGE) {
                page.taken += usize::from(entry.is_none());
                *entry = Some(value);
            }
        }
        self.next = self.next.max(place + 1);
    }

    /// Empties a place.
    pub(super) fn take(&mut self, place: usize) -> Option<T> {
        let entry = self.pages.get_mut(place / PAGE)?;
        let page = entry.as_mut()?;
        let value = page.entries.get_mut(place % PAGE)?.take()?;
        page.taken -= 1;
        if page.taken == 0 {
            *entry = None;
        }
        Some(value)
    }

    /// Empties the places of all that `which` picks.
    pub(super) fn take_all(&mut self, which: impl Fn(&T) -> bool) -> Vec<T> {
        let picked = self.from(0).filter(|(_, value)| which(value));
        let places: Vec<_> = picked.map(|(place, _)| place).collect();
        places
            .into_iter()
            .filter_map(|place| self.take(place))
            .collect()
    }

    /// What stands in places from `first` on, in order.
    pub(super) fn from(&self, first: usize) -> impl Iterator<Item = (usize, &T)> {
        let pages = self.pages.iter().enumerate().skip(first / PAGE);
        let entries = pages.filter_map(|(number, page)| Some((number, page.as_ref()?)));
        entries
            .flat_map(|(number, page)| (number * PAGE..).zip(page.entries.iter()))
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
        let made = |places: &Places<usize>| places.pages.iter().flatten().count();
        assert_eq!(
            made(&places),
            2,
            "a page for what is near, and none between"
        );
        for place in [256, 256, 4_194_303] {
            places.put(place, place);
            assert_eq!(made(&places), 2);
        }
        assert_eq!(places.take_all(|place| *place > 1_000), [4_194_303]);
        assert_eq!(made(&places), 1);
        assert_eq!((places.take(256), made(&places)), (Some(256), 0));
    }
}
