//! Which id each schema has in the Confluent header.

use super::Schema;
use crate::domain::words::Word;

/// Which id each schema has in the Confluent header. Without a registry: 1 to 15 in the order of [`Schema`].
#[derive(Clone, Debug)]
pub struct SchemaIds([u32; Schema::ALL.len()]);

impl Default for SchemaIds {
    fn default() -> Self {
        Self(std::array::from_fn(|i| i as u32 + 1))
    }
}

impl SchemaIds {
    pub fn id(&self, schema: Schema) -> u32 {
        self.0[schema as usize]
    }

    /// The same ids, but `id` for this schema: what a registry gave it.
    pub fn with(mut self, schema: Schema, id: u32) -> Self {
        self.0[schema as usize] = id;
        self
    }

    /// The schema that has this id, if one has; the first in schema order where two were given the same.
    pub fn schema_of(&self, id: u32) -> Option<Schema> {
        Schema::ALL.iter().copied().find(|schema| self.id(*schema) == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_from_one_without_a_registry() {
        let ids = SchemaIds::default();
        assert_eq!((ids.id(Schema::Application), ids.id(Schema::Journal)), (1, 14));
        for schema in Schema::ALL {
            assert_eq!(ids.schema_of(ids.id(*schema)), Some(*schema));
        }
        assert_eq!((ids.schema_of(0), ids.schema_of(16)), (None, None));
    }

    #[test]
    fn take_what_a_registry_gave() {
        let ids = SchemaIds::default().with(Schema::Reply, 100_017);
        assert_eq!(ids.id(Schema::Reply), 100_017);
        assert_eq!(ids.schema_of(100_017), Some(Schema::Reply));
        assert_eq!(ids.schema_of(7), None);
        assert_eq!(ids.id(Schema::Decision), 8);
    }
}
