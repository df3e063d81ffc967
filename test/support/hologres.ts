import type { Client } from 'pg';

/**
 * What PostgreSQL lacks of Hologres: `set_table_property`, which here only keeps what it is told, in `properties`. Everything else
 * about Hologres is untested.
 */
export async function pretendToBeHologres(client: Client): Promise<void> {
  await client.query(`
    CREATE TABLE public.properties (name text, property text, value text);
    CREATE PROCEDURE public.set_table_property(name text, property text, value text) LANGUAGE sql AS
      $$ INSERT INTO public.properties VALUES (name, property, value) $$;
  `);
}
